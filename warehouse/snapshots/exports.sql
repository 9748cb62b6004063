-- name: export_conflicts
-- Ties that people must settle.
-- grain: one row per fact_id
select
    c.fact_id,
    c.subject,
    c.relation,
    c."values",
    c.sources,
    c.claim_ids,
    c.explanation
from conflicts as c
order by c.fact_id

-- name: export_duplicates
-- Rows that assert a claim once more, with the claim that they repeat.
-- grain: one row per duplicate input row
-- reads: known_origins
with numbered as (
    select
        o.claim_id,
        o.file,
        o.row,
        row_number() over (partition by o.claim_id order by o.file, o.row) as position
    from known_origins as o
)
select
    n.claim_id,
    n.file,
    n.row,
    'the same claim again' as reason
from numbered as n
where n.position > 1
order by n.claim_id, n.file, n.row

-- name: export_facts
-- The facts, as published.
-- grain: one row per fact_id
select
    f.fact_id,
    f.subject,
    f.relation,
    f.answer,
    f."values",
    f.question,
    f.prompts,
    f.prompt_kind,
    f.aliases,
    f.valid_from,
    f.valid_to,
    f.probability,
    f.needs_review,
    f.support,
    f.contradict,
    f.sources
from facts as f
where f.recorded_to is null
order by f.fact_id

-- name: export_quarantine
-- Rows that were not taken in, as they were given, with the reason; not those put right since.
-- grain: one row per refused input row
-- reads: known_quarantine
select
    q.quarantine_id,
    q.source,
    q.file,
    q.row,
    q.line,
    q.field,
    q."column",
    q.reason,
    q.explanation,
    q.raw
from known_quarantine as q
order by q.file, q.row, q.field, q.reason, q.raw, q.quarantine_id

-- name: export_relations
-- The rules by which slots were decided: those that sources declared, and the default, written under
-- the relation null, for all others.
-- grain: one row per relation
-- params: $default_rule (as JSON)
-- reads: known_rules, known_slots
with rules_in_force as (
    select
        k.relation,
        k.rule
    from known_rules as k
    where k.relation in (select s.relation from known_slots as s)
    union all
    select
        null as relation,
        $default_rule as rule
)
select
    r.relation,
    r.rule ->> 'slot' as slot,
    r.rule ->> 'values' as "values",
    (r.rule ->> 'steps[*]') as steps,
    r.rule
from rules_in_force as r
order by r.relation nulls first

-- name: export_timeline
-- What held when in the time-varying slots, the current values too.
-- grain: one row per (fact_id, held_from)
select
    t.fact_id,
    s.subject,
    s.relation,
    t.value,
    t.held_from,
    t.held_to
from timeline as t
inner join slots as s on t.fact_id = s.fact_id
order by t.fact_id, t.held_from
