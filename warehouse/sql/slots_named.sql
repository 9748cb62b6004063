-- The slots of a relation under any of a subject's names.
-- grain: one row per fact_id
-- params: $subjects, $relation
select s.fact_id
from slots as s
where s.subject in (select unnest($subjects::varchar[])) and s.relation = $relation
order by s.fact_id
