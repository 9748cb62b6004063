-- How each value is written: of the spellings of one key the one that most sources use, and of these
-- the one with the most capitals and marks, so that 'Lima' is preferred to 'LIMA' and 'lima'.
-- The others are aliases.
-- grain: one row per (fact_id, value_key)
-- reads: standings
create or replace temp table spellings as
with used as (
    select
        s.fact_id,
        s.value_key,
        s.value,
        count(distinct s.source) as num_sources,
        max({'authority': s.authority, 'since': s.since}) as best
    from standings as s
    where s.standing = 'valid'
    group by s.fact_id, s.value_key, s.value
)
select
    u.fact_id,
    u.value_key,
    first(
        u.value
        order by
            u.best desc, u.num_sources desc, (u.value = upper(u.value) or u.value = lower(u.value)),
            length(u.value) desc, u.value
    ) as value,
    list(u.value order by u.value) as spellings
from used as u
group by u.fact_id, u.value_key
