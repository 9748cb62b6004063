-- The keys that the kinds of values said, beside the quick ones.
-- grain: one row per (relation, value)
-- reads: made
create or replace temp table value_keys as
select m.*
from made as m
