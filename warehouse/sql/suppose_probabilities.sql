-- How probable each value of a supposed slot is, where the rule asks for it.
-- grain: one row per (slot, value_key)
-- reads: supposed_probabilities (slot, value, probability), standings
create or replace temp table probabilities as
select
    s.slot,
    s.value_key,
    max(p.probability) as probability
from supposed_probabilities as p
inner join standings as s on p.slot = s.fact_id and p.value = s.value
group by s.slot, s.value_key
