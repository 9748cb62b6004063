-- name: carry_accuracies
-- Keep the accuracies of the last state where nothing was estimated anew, for every relation that is
-- still decided by truth, also where none of its claims is valid now.
-- grain: one row per (relation, source) that the new state has none of yet
-- params: $snapshot_hash, $now
-- reads: reconciled (the last one), rules
insert into source_accuracies
with default_rule as (
    select r.criteria
    from rules as r
    where r.relation is null
)
select
    $snapshot_hash as snapshot_hash,
    a.relation,
    a.source,
    a.accuracy,
    a.num_claims,
    a.copy_group,
    $now as recorded_at
from source_accuracies as a
inner join reconciled as l on a.snapshot_hash = l.snapshot_hash
left join rules as r on a.relation = r.relation
cross join default_rule as d
anti join (
    select
        s.relation,
        s.source
    from source_accuracies as s
    where s.snapshot_hash = $snapshot_hash
) as k on a.relation = k.relation and a.source = k.source
where list_contains(coalesce(r.criteria, d.criteria), 'truth')
order by a.relation, a.source

-- name: clear_ambiguous
-- Clear the shared phrasings of the slots that are judged; they are found anew each time.
-- grain: one row per fact_id cleared
-- reads: scope
delete from ambiguous_prompts
where fact_id in (select s.fact_id from scope as s)

-- name: clear_conflicts
-- Clear the ties of the slots that are judged; they are found anew each time.
-- grain: one row per fact_id cleared
-- reads: scope
delete from conflicts
where fact_id in (select s.fact_id from scope as s)

-- name: clear_timeline
-- Clear the timeline of the slots that are judged; it is found anew each time.
-- grain: one row per (fact_id, held_from) cleared
-- reads: scope
delete from timeline
where fact_id in (select s.fact_id from scope as s)

-- name: close_decisions
-- End the recorded time of decisions that no longer hold.
-- grain: one row per changed claim_id
-- params: $now
-- reads: old_decisions, new_decisions
update decisions
set recorded_to = $now
where rowid in (
    select o.decision_no
    from old_decisions as o
    inner join new_decisions as n on o.claim_id = n.claim_id
    where o.status <> n.status or o.reason <> n.reason
)

-- name: close_facts
-- End the recorded time of judged facts that changed in anything, or are gone.
-- grain: one row per changed or retired fact_id
-- params: $now
-- reads: old_facts, new_facts
update facts
set recorded_to = $now
where rowid in (
    select o.fact_no
    from old_facts as o
    anti join new_facts as n on o.fact_hash = n.fact_hash
)

-- name: close_unknown
-- End the recorded time of decisions about claims that were not known at the moment looked back to.
-- grain: one row per later claim_id
-- params: $now
-- reads: known_claims
update decisions
set recorded_to = $now
where recorded_to is null
    and getvariable('known_at') is not null
    and claim_id not in (select c.claim_id from known_claims as c)

-- name: log_changes
-- Keep the changes under the snapshot that brought them.
-- grain: one row per added, changed or retired fact_id
-- params: $snapshot_hash, $now
-- reads: new_changes
insert into change_log
select
    $snapshot_hash as snapshot_hash,
    c.fact_id,
    c.op,
    c.old_answer,
    c.new_answer,
    $now as recorded_at
from new_changes as c
order by c.fact_id

-- name: open_decisions
-- Record the decisions that are new.
-- grain: one row per changed claim_id
-- params: $now
-- reads: old_decisions (with those just closed, or without), new_decisions
insert into decisions
select
    n.claim_id,
    n.status,
    n.reason,
    $now as recorded_from,
    null as recorded_to
from new_decisions as n
anti join old_decisions as o
    on n.claim_id = o.claim_id and n.status = o.status and n.reason = o.reason

-- name: open_facts
-- Record the facts that are new or changed.
-- grain: one row per added or changed fact_id
-- params: $now
-- reads: old_facts (with those just closed, or without), new_facts
insert into facts
select
    n.fact_id,
    n.subject,
    n.relation,
    n.answer,
    n."values",
    n.question,
    n.prompts,
    n.prompt_kind,
    n.aliases,
    n.valid_from,
    n.valid_to,
    n.probability,
    n.needs_review,
    n.support,
    n.contradict,
    n.sources,
    n.fact_hash,
    n.training_hash,
    $now as recorded_from,
    null as recorded_to
from new_facts as n
anti join old_facts as o on n.fact_hash = o.fact_hash

-- name: reconcile_conflicts
-- Ties, for people to settle: slots whose best values are equal in everything the rule looks at.
-- grain: one row per fact_id
-- reads: standings, ranked_values, rules, scoped_claims
insert into conflicts
select
    c.fact_id,
    min(c.subject) as subject,
    any_value(c.relation) as relation,
    list_sort(list_distinct(list(c.value))) as "values",
    list_sort(list_distinct(list(c.source))) as sources,
    list_sort(list(c.claim_id)) as claim_ids,
    'equal in ' || array_to_string(any_value(r.criteria), ', ')
    || ': give one source more authority, or date the observations' as explanation
from standings as s
inner join ranked_values as v on s.slot = v.slot and s.key_hash = v.key_hash
inner join rules as r on v.rule_id = r.rule_id
inner join scoped_claims as c on s.claim_no = c.claim_no
where s.standing = 'valid' and v.outcome = 'tie'
group by c.fact_id
order by c.fact_id

-- name: record_ambiguous
-- Keep how many phrasings each fact lost because others share them.
-- grain: one row per fact_id
-- reads: ambiguous
insert into ambiguous_prompts
select
    a.fact_id,
    len(a.prompts) as num_prompts
from ambiguous as a

-- name: record_snapshot
-- Keep the snapshot in the list, once.
-- grain: at most one row added
-- params: $now
-- reads: known_slots
insert into snapshots
select
    r.snapshot_hash,
    r.training_hash,
    (select count(*) from known_slots) as num_slots,
    (select count(*) from facts as f where f.recorded_to is null) as num_facts,
    $now as recorded_at,
    null as published_at
from reconciled as r
anti join snapshots as s on r.snapshot_hash = s.snapshot_hash

-- name: record_timeline
-- Keep what held when in the time-varying slots.
-- grain: one row per (fact_id, held_from)
-- reads: held_spans
insert into timeline
select
    h.fact_id,
    h.value,
    h.held_from,
    h.held_to
from held_spans as h
order by h.fact_id, h.held_from
