-- Keep the settled assignment.
-- grain: one row per fact_id
-- params: $geometry
insert into assignment
select
    $geometry as geometry,
    s.fact_id,
    s.group_index,
    s.num_experts,
    s.shard_index
from settled as s
order by s.fact_id
