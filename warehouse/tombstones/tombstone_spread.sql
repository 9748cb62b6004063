-- Tombstones of one name of a subject, for the other names that the batch brings it under: what was
-- forgotten as Holland stays so when Holland is declared to be the Netherlands.
-- grain: one row per slot that had none
-- params: $now
-- reads: same_as (name, goes_by), merged (the batch's claims under the names that they go by)
insert into tombstones by name
with salts as (
    select distinct t.salt
    from tombstones as t
),
relations as (
    select distinct filled(m.relation) as relation
    from merged as m
),
slots_of_names as (
    select
        s.goes_by,
        slot_id(s.name, r.relation) as given_id,
        slot_id(s.goes_by, r.relation) as goes_by_id,
        r.relation
    from same_as as s
    cross join relations as r
    where r.relation is not null
),
inherited as (
    select
        sha256(k.salt || n.goes_by_id) as slot_hash,
        any_value(k.salt) as salt,
        any_value(n.goes_by_id) as goes_by_id,
        any_value(n.goes_by) as subject,
        any_value(n.relation) as relation,
        min(t.reason) as reason,
        bool_or(t.purged_at is not null) as is_purged
    from slots_of_names as n
    cross join salts as k
    inner join tombstones as t on sha256(k.salt || n.given_id) = t.slot_hash
    where t.lifted_at is null
    group by sha256(k.salt || n.goes_by_id)
)
select
    i.slot_hash,
    i.salt,
    case when not i.is_purged then i.goes_by_id end as fact_id,
    case when not i.is_purged then i.subject end as subject,
    case when not i.is_purged then i.relation end as relation,
    i.reason,
    $now::timestamp as recorded_at,
    case when i.is_purged then $now::timestamp end as purged_at
from inherited as i
anti join tombstones as t on i.slot_hash = t.slot_hash
