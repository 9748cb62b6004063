-- How probable each value is.
-- grain: one row per (fact_id, value_key)
-- reads: made
create or replace temp table probabilities as
select
    ('0x' || m.fact_id)::ubigint as slot,
    m.value_key,
    m.probability
from made as m
