-- Keys that stand for others in a slot: numbers within the declared tolerance.
-- grain: one row per (slot, key_hash)
-- reads: made (slot, value_key, merged_key)
create or replace temp table merged_keys as
select
    ('0x' || m.slot)::ubigint as slot,
    hash(m.value_key) as key_hash,
    m.merged_key
from made as m
where m.value_key <> m.merged_key
