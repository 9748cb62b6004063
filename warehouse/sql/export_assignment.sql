-- The facts with the group of experts that each is written to.
-- grain: one row per fact_id
-- params: $geometry
-- reads: snapshot_facts (Arrow table of facts.parquet)
select
    f.fact_id,
    f.subject,
    f.question,
    f.prompts,
    f.answer,
    f.prompt_kind = 'cloze' as cloze,
    a.group_index,
    a.num_experts,
    a.shard_index
from snapshot_facts as f
inner join assignment as a on f.fact_id = a.fact_id
where a.geometry = $geometry
order by f.fact_id
