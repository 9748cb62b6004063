-- Values found to contain another one of their slot, as far as the kind did not say so already.
-- grain: one row per (slot, value_key, other_key)
-- reads: made (fact_id, value_key, other_key), value_support
insert into value_support
select
    m.fact_id,
    ('0x' || m.fact_id)::ubigint as slot,
    m.value_key,
    m.other_key,
    1.0 as support
from made as m
anti join value_support as v
    on m.fact_id = v.fact_id and m.value_key = v.value_key and m.other_key = v.other_key
    and v.support >= 1
