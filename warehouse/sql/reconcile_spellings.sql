-- How each value is written: as its strongest claim writes it, of equal ones as most sources do, and of
-- these the one that is neither all capitals nor all small ('Lima' before 'LIMA' and 'lima').
-- The others are aliases.
-- grain: one row per (slot, key_hash)
-- reads: standings
create or replace temp table spellings as
with extremes as (
    select
        s.slot,
        s.key_hash,
        min(s.value) as first_value,
        max(s.value) as last_value
    from standings as s
    where s.standing = 'valid'
    group by s.slot, s.key_hash
),
used as (
    select
        s.slot,
        s.key_hash,
        s.value,
        count(distinct s.source) as num_sources,
        max(s.strength) as strength
    from standings as s
    inner join extremes as e on s.slot = e.slot and s.key_hash = e.key_hash
    where s.standing = 'valid' and e.first_value <> e.last_value
    group by s.slot, s.key_hash, s.value
)
select
    e.slot,
    e.key_hash,
    e.first_value as value,
    []::varchar[] as others
from extremes as e
where e.first_value = e.last_value
union all
select
    u.slot,
    u.key_hash,
    first(
        u.value
        order by
            u.strength desc, u.num_sources desc,
            (u.value = upper(u.value) or u.value = lower(u.value)), length(u.value) desc, u.value
    ) as value,
    list(u.value order by u.value) as others
from used as u
group by u.slot, u.key_hash
