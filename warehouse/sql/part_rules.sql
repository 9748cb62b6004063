-- The rules, the same for every part.
-- grain: one row per relation, the default's null
-- params: $part, $num_parts (each part gets all of them)
select r.*
from rules as r
where $part < $num_parts
order by r.rule_id
