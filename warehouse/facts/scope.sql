-- name: reconciled_last
-- The last reconcile, whether or not something came in since, and how much there is to judge now.
-- grain: at most one row
select
    r.*,
    (select count(*) from claims) as num_claims_now,
    (select count(*) from slots) as num_slots_now
from reconciled as r

-- name: scope_after
-- What is now decided about the part that was judged.
-- grain: none (definitions)
-- reads: decisions_after, facts_after
create or replace temp view judged_decisions as
select d.*
from decisions_after as d;

create or replace temp view judged_facts as
select f.*
from facts_after as f

-- name: scope_before
-- What was decided about the part that is judged again, and where the tables, which only grow, ended.
-- grain: none (definitions)
-- reads: decisions_before, facts_before
create or replace temp view old_decisions as
select d.*
from decisions_before as d;

create or replace temp view old_facts as
select f.*
from facts_before as f;

set variable last_decision_no = (select coalesce(max(d.rowid), -1) from decisions as d);

set variable last_fact_no = (select coalesce(max(f.rowid), -1) from facts as f)

-- name: scope_changed_slots
-- The slots to be judged are those that changed.
-- grain: one row per fact_id
-- reads: changed_slots
create or replace temp view scope as
select
    s.fact_id,
    s.relation
from changed_slots as s

-- name: scope_dates
-- Add the slots with a claim whose validity differs between two as-of dates.
-- grain: one row per fact_id added
-- params: $old, $new
-- reads: rules, changed_slots
insert into changed_slots
with default_rule as (
    select r.*
    from rules as r
    where r.relation is null
),
span as (
    select
        least($old::date, $new::date) as first_day,
        greatest($old::date, $new::date) as last_day
)
select distinct
    c.fact_id,
    c.relation,
    0 as round
from claims as c
left join rules as r on c.relation = r.relation
cross join default_rule as d
cross join span as s
anti join changed_slots as x on c.fact_id = x.fact_id
where (c.valid_to >= s.first_day and c.valid_to < s.last_day)
    or (c.valid_from > s.first_day and c.valid_from <= s.last_day)
    or (
        c.valid_from is null and c.observed_at > s.first_day and c.observed_at <= s.last_day
        and coalesce(r.slot, d.slot) = 'time_varying'
    )

-- name: scope_decisions_after
-- What is now decided about the claims that were judged: what was before and still holds, and what was
-- added since.
-- grain: one row per current decision
-- reads: decisions_before, last_decision_no (a variable)
create or replace temp table decisions_after as
select b.*
from decisions_before as b
inner join decisions as d on b.decision_no = d.rowid
where d.recorded_to is null
union all
select
    d.rowid as decision_no,
    d.claim_id,
    d.status,
    d.reason
from decisions as d
where d.rowid > getvariable('last_decision_no') and d.recorded_to is null

-- name: scope_decisions_before
-- What was decided about the claims that are judged again.
-- grain: one row per claim_id decided before
-- reads: fetched_claims
create or replace temp table decisions_before as
select
    d.rowid as decision_no,
    d.claim_id,
    d.status,
    d.reason
from decisions as d
semi join fetched_claims as c on d.claim_id = c.claim_id
where d.recorded_to is null

-- name: scope_elsewhere
-- How many conflicts the last reconcile resolved in slots that are not judged again: those in which a
-- value was preferred to others.
-- grain: one row
-- reads: decisions_before, fetched_claims
with resolved as (
    select count(distinct c.fact_id) as num_conflicts
    from decisions_before as d
    inner join fetched_claims as c on d.claim_id = c.claim_id
    where d.status = 'used' and d.reason like 'preferred to %'
)
select r.num_conflicts_resolved - c.num_conflicts as num_conflicts_elsewhere
from reconciled as r
cross join resolved as c

-- name: scope_facts_after
-- The facts, now, of the slots that were judged: those before that still hold, and those added since.
-- grain: one row per fact_id
-- reads: facts_before, last_fact_no (a variable)
create or replace temp table facts_after as
select b.*
from facts_before as b
inner join facts as f on b.fact_no = f.rowid
where f.recorded_to is null
union all
select
    f.rowid as fact_no,
    f.fact_id,
    f.answer,
    f.support,
    f.fact_hash,
    f.training_hash
from facts as f
where f.rowid > getvariable('last_fact_no') and f.recorded_to is null

-- name: scope_facts_before
-- The facts, until now, of the slots that are judged again.
-- grain: one row per fact_id
-- reads: changed_slots
create or replace temp table facts_before as
select
    f.rowid as fact_no,
    f.fact_id,
    f.answer,
    f.support,
    f.fact_hash,
    f.training_hash
from facts as f
semi join changed_slots as s on f.fact_id = s.fact_id
where f.recorded_to is null

-- name: scope_fetch
-- Fetch the claims of the slots added in a round.
-- grain: one row per claim_no
-- params: $round
-- reads: changed_slots, fetched_claims, known_claims
insert into fetched_claims
select c.*
from known_claims as c
semi join (select s.fact_id from changed_slots as s where s.round = $round) as n
    on c.fact_id = n.fact_id

-- name: scope_fetch_watched
-- Fetch the claims of the slots that are watched for bad imports.
-- grain: one row per claim_no
-- reads: watched_slots, known_claims
create or replace temp table fetched_claims as
select c.*
from known_claims as c
semi join watched_slots as n on c.fact_id = n.fact_id

-- name: scope_fetched
-- The claims to be judged are those that were fetched.
-- grain: one row per claim_id
-- reads: fetched_claims
create or replace temp view scoped_claims as
select c.*
from fetched_claims as c

-- name: scope_judged
-- How many slots the last reconcile of this session judged.
-- grain: one row
-- reads: scope
select count(*) as num_slots
from scope as s

-- name: scope_none
-- An empty table for the claims to be judged.
-- grain: none
-- reads: known_claims
create or replace temp table fetched_claims as
select c.*
from known_claims as c
where false

-- name: scope_size
-- How many slots are to be judged.
-- grain: one row
-- params: $round (of those added in that round; null: of all)
-- reads: changed_slots
select count(*) as num_slots
from changed_slots as s
where $round is null or s.round = $round

-- name: scope_suspects
-- Add the slots in which other claims are suspected than before, or for another reason.
-- grain: one row per fact_id added
-- reads: newly_suspected, watched_relations, changed_slots
insert into changed_slots
with before as (
    select s.*
    from suspected_claims as s
    semi join watched_relations as w on s.relation = w.relation
),
different as (
    select
        coalesce(n.fact_id, b.fact_id) as fact_id,
        coalesce(n.relation, b.relation) as relation
    from before as b
    full outer join newly_suspected as n on b.claim_id = n.claim_id
    where b.reason is distinct from n.reason
)
select distinct
    d.fact_id,
    d.relation,
    0 as round
from different as d
anti join changed_slots as x on d.fact_id = x.fact_id
