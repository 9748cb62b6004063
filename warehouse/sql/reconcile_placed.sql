-- Every claim to be decided, with its relation's rule, its value's key, and where it stands before
-- anything competes: forgotten, withdrawn, outside its valid time, or valid. A claim of a time-varying slot
-- holds from its valid_from, else from its observation.
-- An unknown date of observation counts as older than any known one.
-- Strings are slow to group by: `slot` is fact_id as number, `claim_no` the row of the claim, `key_hash`
-- that of the value's key (compared within one slot only).
-- grain: one row per claim_no
-- params: $as_of
-- reads: rules (one row per relation, null for all others), value_keys
create or replace temp table placed as
with default_rule as (
    select r.*
    from rules as r
    where r.relation is null
),
ruled as (
    select
        c.claim_no,
        ('0x' || c.fact_id)::ubigint as slot,
        c.claim_id,
        c.fact_id,
        c.relation,
        c.value,
        c.source,
        c.authority,
        c.observed_at,
        c.valid_from,
        c.valid_to,
        coalesce(r.rule_id, d.rule_id) as rule_id,
        coalesce(r.slot, d.slot) as slot_kind,
        coalesce(r.superseding, d.superseding) as superseding,
        coalesce(r.suspicious, d.suspicious) as suspicious
    from scoped_claims as c
    left join rules as r on c.relation = r.relation
    cross join default_rule as d
),
dated as (
    select
        c.*,
        coalesce(k.value_key, c.value) as value_key,
        coalesce(c.observed_at, date '0001-01-01') as observed_on,
        case
            when c.slot_kind = 'time_varying'
                then coalesce(c.valid_from, c.observed_at, date '0001-01-01')
            else coalesce(c.observed_at, date '0001-01-01')
        end as since,
        coalesce(f.reason, w.reason) as withdrawal,
        case
            when f.fact_id is not null then 'forgotten'
            when w.claim_id is not null then 'retracted'
            when c.valid_to < $as_of then 'outdated'
            when c.valid_from > $as_of then 'not_yet_valid'
            when c.slot_kind = 'time_varying' and c.valid_from is null and c.observed_at > $as_of
                then 'not_yet_valid'
            else 'valid'
        end as standing
    from ruled as c
    left join value_keys as k on c.relation = k.relation and c.value = k.value
    left join known_retractions as w on c.claim_id = w.claim_id
    left join forgotten_slots as f on c.fact_id = f.fact_id
)
select
    d.* exclude (claim_id),
    hash(d.value_key) as key_hash,
    hash(d.source) as source_hash
from dated as d
