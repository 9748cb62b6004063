-- name: add_general_values
-- Values found to contain another one of their slot, as far as the kind did not say so already.
-- grain: one row per (slot, value_key, other_key)
-- reads: made (fact_id, value_key, other_key), value_support
insert into value_support
select
    m.fact_id,
    ('0x' || m.fact_id)::ubigint as slot,
    m.value_key,
    m.other_key,
    1.0 as support
from made as m
anti join value_support as v
    on m.fact_id = v.fact_id and m.value_key = v.value_key and m.other_key = v.other_key
    and v.support >= 1

-- name: keyed_claims
-- The claims to be judged with the key of their value.
-- grain: one row per claim_no
-- reads: ruled_claims, value_keys
create or replace temp view keyed_claims as
select
    c.*,
    coalesce(c.fast_key, k.value_key) as value_key
from ruled_claims as c
left join value_keys as k on c.relation = k.relation and c.value = k.value

-- name: make_merged_keys
-- Keys that stand for others in a slot: numbers within the declared tolerance.
-- grain: one row per (slot, key_hash)
-- reads: made (slot, value_key, merged_key)
create or replace temp table merged_keys as
select
    ('0x' || m.slot)::ubigint as slot,
    hash(m.value_key) as key_hash,
    m.merged_key
from made as m
where m.value_key <> m.merged_key

-- name: make_probabilities
-- How probable each value is.
-- grain: one row per (slot, key_hash)
-- reads: made (fact_id, value_key, probability)
create or replace temp table probabilities as
select
    ('0x' || m.fact_id)::ubigint as slot,
    hash(m.value_key) as key_hash,
    m.probability
from made as m

-- name: make_value_keys
-- The keys that the kinds of values said, beside the quick ones.
-- grain: one row per (relation, value)
-- reads: made
create or replace temp table value_keys as
select m.*
from made as m

-- name: make_value_support
-- How far the claim of one value speaks for another of its slot.
-- grain: one row per (slot, value_key, other_key)
-- reads: made (slot, value, other, support)
create or replace temp table value_support as
select
    m.slot as fact_id,
    ('0x' || m.slot)::ubigint as slot,
    m.value as value_key,
    m.other as other_key,
    m.support
from made as m

-- name: observations
-- Who says what about the slots of one relation, of the valid claims.
-- grain: one row per (slot, source, value)
-- params: $relation
-- reads: standings, keyed_claims
select distinct
    k.fact_id as slot,
    k.source,
    coalesce(s.merged_key, k.value_key) as value
from standings as s
inner join keyed_claims as k on s.claim_no = k.claim_no
where s.standing = 'valid' and k.relation = $relation
order by slot, source, value

-- name: observed_support
-- How far values speak for each other in the slots of one relation.
-- grain: one row per (slot, value, other)
-- params: $relation
-- reads: value_support
select
    v.fact_id as slot,
    v.value_key as value,
    v.other_key as other,
    v.support
from value_support as v
inner join slots as s on v.fact_id = s.fact_id
where s.relation = $relation
order by v.fact_id, v.value_key, v.other_key

-- name: place_keys
-- Give the claims placed the keys that the kinds of values said.
-- grain: one row per claim_no without key
-- reads: placed, keyed_claims
update placed
set key_hash = hash(k.value_key)
from keyed_claims as k
where placed.claim_no = k.claim_no and placed.key_hash is null

-- name: record_accuracies
-- Keep how often each source is right under the state that it belongs to, once.
-- grain: one row per (relation, source)
-- params: $snapshot_hash, $now
-- reads: new_accuracies
insert into source_accuracies
select
    $snapshot_hash as snapshot_hash,
    a.relation,
    a.source,
    a.accuracy,
    a.num_claims,
    a.copy_group,
    $now as recorded_at
from new_accuracies as a
where not exists (
    select 1
    from source_accuracies as s
    where s.snapshot_hash = $snapshot_hash
)
order by a.relation, a.source

-- name: record_truth_state
-- Keep one table of what truth discovery found about a relation, in place of the one before.
-- grain: one row per (relation, name)
-- params: $relation, $part, $content, $snapshot_hash
insert into truth_states
values ($relation, $part, $content, $snapshot_hash)

-- name: relations_competing
-- The relations that have a slot with several valid values.
-- grain: one row per relation
-- reads: standings, scoped_claims
select distinct c.relation
from standings as s
inner join scoped_claims as c on s.claim_no = c.claim_no
where s.standing = 'valid'
order by c.relation

-- name: truth_state
-- What truth discovery found about a relation in the last full reconcile.
-- grain: one row per name
-- params: $relation
select
    t.name,
    t.content
from truth_states as t
where t.relation = $relation
order by t.name

-- name: values_competing
-- The values of slots for which several are claimed, of kinds that relate values to each other, with how
-- many valid claims name each.
-- grain: one row per (slot, value_key)
-- reads: placed, rules, bad_imports, keyed_claims
with contested as (
    select p.slot
    from placed as p
    inner join rules as r on p.rule_id = r.rule_id and r.relates
    where p.standing = 'valid'
    group by p.slot
    having min(p.key_hash) <> max(p.key_hash)
),
counted as (
    select
        any_value(k.fact_id) as slot,
        any_value(k.relation) as relation,
        any_value(k.value_key) as value_key,
        count(*) as num_claims
    from placed as p
    semi join contested as c on p.slot = c.slot
    anti join bad_imports as b on p.claim_no = b.claim_no
    inner join keyed_claims as k on p.claim_no = k.claim_no
    where p.standing = 'valid'
    group by p.slot, p.key_hash
)
select c.*
from counted as c
order by c.slot, c.value_key

-- name: values_open
-- The distinct values of the claims placed whose keys Python must say.
-- grain: one row per (relation, value)
-- reads: placed, scoped_claims
select distinct
    c.relation,
    c.value
from placed as p
inner join scoped_claims as c on p.claim_no = c.claim_no
where p.key_hash is null
