-- How many slots are to be judged.
-- grain: one row
-- params: $round (of those added in that round; null: of all)
select count(*) as num_slots
from changed_slots as s
where $round is null or s.round = $round
