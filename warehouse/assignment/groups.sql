-- name: assignment_clear
-- Clear the assignment of one geometry; the settled one replaces it in the same transaction.
-- grain: none left of the geometry
-- params: $geometry
delete from assignment where geometry = $geometry

-- name: assignment_record
-- Keep the settled assignment.
-- grain: one row per fact_id
-- params: $geometry
-- reads: settled
insert into assignment
select
    $geometry as geometry,
    s.fact_id,
    s.group_index,
    s.num_experts,
    s.shard_index
from settled as s
order by s.fact_id

-- name: check_assignment
-- fail: groups that two facts own (capacity 1).
-- grain: one row per offending group
-- params: $geometry
select
    a.group_index as offender,
    count(*) || ' facts' as detail
from assignment as a
where a.geometry = $geometry
group by a.group_index
having count(*) > 1
order by a.group_index

-- name: export_assignment
-- The facts with the group of experts that each is written to.
-- grain: one row per fact_id
-- params: $geometry
-- reads: snapshot_facts (Arrow table of facts.parquet)
select
    f.fact_id,
    f.subject,
    f.relation,
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
