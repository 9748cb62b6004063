-- How probable each value is.
-- grain: one row per (fact_id, value_key)
-- reads: made
create or replace temp table probabilities as
select m.*
from made as m
