-- How probable each value is.
-- grain: one row per (slot, key_hash)
-- reads: made (fact_id, value_key, probability)
create or replace temp table probabilities as
select
    ('0x' || m.fact_id)::ubigint as slot,
    hash(m.value_key) as key_hash,
    m.probability
from made as m
