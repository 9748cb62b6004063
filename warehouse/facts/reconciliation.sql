-- name: candidate_answers
-- The distinct answers whose tokens are to be counted.
-- grain: one row per answer
-- reads: candidates
select distinct c.answer
from candidates as c
order by c.answer

-- name: change_counts
-- How many facts the reconcile added, changed, retired.
-- grain: one row
-- reads: new_changes
select
    count(*) filter (c.op = 'added') as num_added,
    count(*) filter (c.op = 'changed') as num_changed,
    count(*) filter (c.op = 'retired') as num_retired
from new_changes as c

-- name: clear_truth_state
-- Clear what truth discovery found about a relation in the full reconcile before.
-- grain: none left of the relation
-- params: $relation
delete from truth_states
where relation = $relation

-- name: reconcile_rules
-- The rule of each relation that has one declared, and the default for all others (null relation).
-- grain: one row per relation
-- reads: rule_table (relation, rule_id, slot, criteria, kind and more)
create or replace temp table rules as
select r.*
from rule_table as r

-- name: rules_declared
-- The relations that claims are about, with the rule declared for each, if any.
-- grain: one row per relation
-- reads: known_rules, known_slots
select
    s.relation,
    any_value(k.rule) as rule
from known_slots as s
inner join known_rules as k on s.relation = k.relation
group by s.relation
order by s.relation
