-- name: contests_any
-- Whether values compete in any slot.
-- grain: one row
-- reads: claimed_values
select count(*) > 0 as are_contested
from claimed_values as c
where c.outcome is null

-- name: make_new_accuracies
-- How often each source is right.
-- grain: one row per (relation, source)
-- reads: made
create or replace temp table new_accuracies as
select m.*
from made as m

-- name: no_contests
-- Where no values compete, none was beaten and none is more general than another.
-- grain: none (definitions)
create or replace temp table losses (
    slot ubigint, key_hash ubigint, lost_on varchar, had double, needed double
);

create or replace temp table general_values (slot ubigint, key_hash ubigint)

-- name: no_timeline
-- No timeline, where no rule declares a slot that varies over time.
-- grain: no row
create or replace temp table held_spans (
    fact_id varchar, slot ubigint, key_hash ubigint, value varchar, held_from date, held_to date
)

-- name: part_bad_imports
-- What is held back among the claims of one part.
-- grain: one row per claim_no
-- params: $part, $num_parts
-- reads: bad_imports, placed
select b.*
from bad_imports as b
semi join (
    select p.claim_no
    from placed as p
    where p.slot % $num_parts::ubigint = $part::ubigint
) as own on b.claim_no = own.claim_no
order by b.claim_no

-- name: part_claims
-- The claims of the slots of one part, as other processes need them.
-- grain: one row per claim_no
-- params: $part, $num_parts
-- reads: scoped_claims
select c.*
from scoped_claims as c
where ('0x' || c.fact_id)::ubigint % $num_parts::ubigint = $part::ubigint
order by c.claim_no

-- name: part_placed
-- Where the claims of one part stand before anything competes.
-- grain: one row per claim_no
-- params: $part, $num_parts
-- reads: placed
select p.*
from placed as p
where p.slot % $num_parts::ubigint = $part::ubigint
order by p.claim_no

-- name: part_rules
-- The rules, the same for every part.
-- grain: one row per relation, the default's null
-- params: $part, $num_parts (each part gets all of them)
-- reads: rules
select r.*
from rules as r
where $part < $num_parts
order by r.rule_id

-- name: part_slots
-- The slots of a part.
-- grain: one row per fact_id
-- reads: scoped_claims
create or replace temp table slots as
select distinct
    c.fact_id,
    c.relation
from scoped_claims as c

-- name: part_value_keys
-- The keys that the kinds of values said, of the values of one part.
-- grain: one row per (relation, value)
-- params: $part, $num_parts
-- reads: scoped_claims, value_keys
select k.*
from value_keys as k
semi join (
    select
        c.relation,
        c.value
    from scoped_claims as c
    where ('0x' || c.fact_id)::ubigint % $num_parts::ubigint = $part::ubigint
) as own on k.relation = own.relation and k.value = own.value
order by k.relation, k.value

-- name: reconcile_general
-- Values that lost to one that they are more general than: France, where the answer is Paris. Their
-- claims support the answer.
-- grain: one row per (slot, key_hash)
-- reads: ranked_values, value_support
create or replace temp table general_values as
with support as (
    select
        s.slot,
        hash(s.value_key) as key_hash,
        hash(s.other_key) as other_hash
    from value_support as s
    where s.support >= 1
)
select distinct
    v.slot,
    v.key_hash
from ranked_values as v
inner join support as s
    on v.slot = s.slot and v.key_hash = s.key_hash and v.leader_hash = s.other_hash
inner join ranked_values as w
    on v.slot = w.slot and v.leader_hash = w.key_hash and w.outcome = 'winner'
where v.outcome = 'beaten'

-- name: reconcile_strengths
-- The claims' authorities and dates in their order, so that the strongest is found by one number.
-- grain: one row per (authority, since, observed_on)
-- reads: placed
create or replace temp table strengths as
with distinct_ones as (
    select distinct
        p.authority,
        p.since,
        p.observed_on
    from placed as p
)
select
    d.*,
    row_number() over (order by d.authority, d.since, d.observed_on)::integer as strength
from distinct_ones as d

-- name: reconcile_supporting
-- The claims that support the answer of each slot that has one, those of a more general value apart:
-- they give it no phrasing.
-- grain: one row per claim_no
-- reads: standings, ranked_values, general_values
create or replace temp table supporting as
select
    s.claim_no,
    s.slot,
    s.strength,
    g.slot is not null as is_general
from standings as s
inner join ranked_values as v on s.slot = v.slot and s.key_hash = v.key_hash
left join general_values as g on s.slot = g.slot and s.key_hash = g.key_hash
where s.standing = 'valid' and (v.outcome in ('winner', 'member') or g.slot is not null)

-- name: reconcile_uncontested
-- What became of the values that nothing contests; those of contested slots are added to them.
-- grain: one row per (slot, key_hash)
-- reads: claimed_values
create or replace temp table ranked_values as
select
    c.slot,
    c.key_hash,
    c.rule_id,
    c.num_values,
    c.probability,
    c.outcome,
    null::integer as strength,
    null::bigint as num_sources,
    null::double as truth,
    null::bigint as rank,
    null::ubigint as leader_hash
from claimed_values as c
where c.outcome is not null
