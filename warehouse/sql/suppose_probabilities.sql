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
