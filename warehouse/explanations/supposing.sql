-- name: suppose_forgotten
-- Among supposed claims, none is forgotten: it is left out.
-- grain: no row
create or replace temp table forgotten_slots as
select
    ''::varchar as fact_id,
    ''::varchar as reason
where false

-- name: suppose_imports
-- Among supposed claims, none is a bad import: it is left out.
-- grain: no row
create or replace temp table bad_imports as
select
    0::bigint as claim_no,
    ''::varchar as reason
where false

-- name: suppose_outcomes
-- What became of each value of the supposed slots, with all its spellings.
-- grain: one row per (slot, value)
-- reads: ranked_values, standings, spellings, general_values, scoped_claims
select
    min(c.fact_id) as slot,
    any_value(p.value) as value,
    list_sort(list_distinct(list(c.value))) as spellings,
    list_sort(list_distinct(list(c.source))) as sources,
    case when any_value(g.slot) is null then any_value(v.outcome) else 'general' end as outcome
from ranked_values as v
inner join standings as s
    on v.slot = s.slot and v.key_hash = s.key_hash and s.standing = 'valid'
inner join scoped_claims as c on s.claim_no = c.claim_no
inner join spellings as p on v.slot = p.slot and v.key_hash = p.key_hash
left join general_values as g on v.slot = g.slot and v.key_hash = g.key_hash
group by v.slot, v.key_hash
order by min(c.fact_id), any_value(v.outcome) desc, any_value(v.rank) desc, any_value(p.value)

-- name: suppose_probabilities
-- How probable each value of a supposed slot is, where the rule asks for it.
-- grain: one row per (slot, key_hash)
-- reads: supposed_probabilities (slot, value, probability), standings, scoped_claims
create or replace temp table probabilities as
select
    s.slot,
    s.key_hash,
    max(p.probability) as probability
from supposed_probabilities as p
inner join scoped_claims as c on p.slot = c.fact_id and p.value = c.value
inner join standings as s on c.claim_no = s.claim_no
group by s.slot, s.key_hash

-- name: suppose_retractions
-- Among supposed claims, none is withdrawn: it is left out.
-- grain: no row
create or replace temp table known_retractions as
select
    ''::varchar as claim_id,
    ''::varchar as reason
where false
