-- Keys that stand for others in a slot: numbers within the declared tolerance.
-- grain: one row per (fact_id, value_key)
-- reads: made (slot, value_key, merged_key)
create or replace temp table merged_keys as
select
    m.slot as fact_id,
    m.value_key,
    m.merged_key
from made as m
where m.value_key <> m.merged_key
