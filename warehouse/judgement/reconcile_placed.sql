-- Where every claim to be decided stands before anything competes: forgotten, withdrawn, outside its
-- valid time, or valid. A claim of a time-varying slot holds from its valid_from, else from its
-- observation. An unknown date of observation counts as older than any known one.
-- Texts are slow to write and to group by, so there are none: `slot` is fact_id as number, `claim_no` the
-- row of the claim, where its texts are found, `key_hash` that of the value's key (compared within one
-- slot only), null where its kind must say it.
-- grain: one row per claim_no
-- params: $as_of
-- reads: ruled_claims, known_retractions, forgotten_slots, scoped_claims
create or replace temp table placed as
with withdrawn as (
    select
        c.claim_no,
        r.reason
    from known_retractions as r
    inner join scoped_claims as c on r.claim_id = c.claim_id
),
forgotten as (
    select
        ('0x' || f.fact_id)::ubigint as slot,
        f.reason
    from forgotten_slots as f
),
dated as (
    select
        c.*,
        ('0x' || c.fact_id)::ubigint as slot_no,
        coalesce(c.observed_at, date '0001-01-01') as observed_on
    from ruled_claims as c
)
select
    c.claim_no,
    c.slot_no as slot,
    c.rule_id,
    case when c.fast_key is not null then hash(c.fast_key) end as key_hash,
    hash(c.source) as source_hash,
    c.authority,
    case
        when c.slot_kind = 'time_varying' then coalesce(c.valid_from, c.observed_on)
        else c.observed_on
    end as since,
    c.observed_on,
    coalesce(f.reason, w.reason) as withdrawal,
    case
        when f.slot is not null then 'forgotten'
        when w.claim_no is not null then 'retracted'
        when c.valid_to < $as_of then 'outdated'
        when c.valid_from > $as_of then 'not_yet_valid'
        when c.slot_kind = 'time_varying' and c.valid_from is null and c.observed_at > $as_of
            then 'not_yet_valid'
        else 'valid'
    end as standing
from dated as c
left join withdrawn as w on c.claim_no = w.claim_no
left join forgotten as f on c.slot_no = f.slot
