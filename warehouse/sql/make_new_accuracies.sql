-- How often each source is right.
-- grain: one row per (relation, source)
-- reads: made
create or replace temp table new_accuracies as
select m.*
from made as m
