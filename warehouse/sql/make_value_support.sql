-- How far the claim of one value speaks for another of its slot.
-- grain: one row per (slot, value_key, other_key)
-- reads: made (slot, value, other, support), merged_keys
create or replace temp table value_support as
select
    m.slot as fact_id,
    ('0x' || m.slot)::ubigint as slot,
    m.value as value_key,
    m.other as other_key,
    m.support
from made as m
