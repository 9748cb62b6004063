-- The slots about which claims came in or were withdrawn (or restored) since the last reconcile, and
-- those of relations whose rule changed. Claims and retractions are only ever appended.
-- grain: one row per fact_id
-- params: $num_claims, $num_retractions (how many the last reconcile saw), $relations
create or replace temp table changed_slots as
with withdrawn as (
    select distinct r.claim_id
    from retractions as r
    where r.rowid >= $num_retractions
),
touched as (
    select
        c.fact_id,
        c.relation
    from claims as c
    where c.rowid >= $num_claims
    union
    select
        c.fact_id,
        c.relation
    from claims as c
    semi join withdrawn as w on c.claim_id = w.claim_id
    union
    select
        s.fact_id,
        s.relation
    from slots as s
    where s.relation in (select unnest($relations::varchar[]))
)
select
    t.fact_id,
    t.relation,
    0 as round
from touched as t
