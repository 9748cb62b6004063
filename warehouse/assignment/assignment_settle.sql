-- Settle which group each fact has: facts keep theirs, new ones take the lowest free groups in the
-- order of fact_id, retired ones give theirs back.
-- grain: one row per fact_id of the snapshot
-- params: $geometry, $num_groups, $num_shards
-- reads: facts_to_place (fact_id, num_experts)
create or replace temp table settled as
with kept as (
    select
        f.fact_id,
        a.group_index
    from facts_to_place as f
    inner join assignment as a on f.fact_id = a.fact_id
    where a.geometry = $geometry
),
free_groups as (
    select
        g.group_index,
        row_number() over (order by g.group_index) as position
    from range($num_groups) as g (group_index)
    anti join kept as k on g.group_index = k.group_index
),
newcomers as (
    select
        f.fact_id,
        row_number() over (order by f.fact_id) as position
    from facts_to_place as f
    anti join kept as k on f.fact_id = k.fact_id
),
placed as (
    select
        k.fact_id,
        k.group_index
    from kept as k
    union all
    select
        n.fact_id,
        g.group_index
    from newcomers as n
    inner join free_groups as g on n.position = g.position
)
select
    p.fact_id,
    p.group_index,
    f.num_experts,
    p.group_index % $num_shards as shard_index
from placed as p
inner join facts_to_place as f on p.fact_id = f.fact_id
