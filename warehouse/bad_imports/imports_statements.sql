-- What each source said about each slot on each day, where it said one thing only, in the slots that
-- are watched for bad imports and about which not all dated claims agree.
-- grain: one row per (source, fact_id, observed_at)
-- reads: placed, watched_slots, rules, keyed_claims
create or replace temp table statements as
with dated as (
    select
        k.source,
        k.relation,
        k.fact_id,
        k.observed_at,
        k.value_key,
        k.value,
        k.valid_from is not null as is_dated_change
    from placed as p
    inner join rules as r on p.rule_id = r.rule_id
    inner join keyed_claims as k on p.claim_no = k.claim_no
    semi join watched_slots as w on k.fact_id = w.fact_id
    where r.suspicious and r.slot <> 'multi_valued' and k.observed_at is not null
        and p.standing in ('valid', 'outdated')
),
changed as (
    select d.fact_id
    from dated as d
    group by d.fact_id
    having min(d.value_key) <> max(d.value_key)
)
select
    d.source,
    d.relation,
    d.fact_id,
    d.observed_at,
    min(d.value_key) as value_key,
    min(d.value) as value,
    try_cast(min(d.value_key) as double) as number,
    bool_and(d.is_dated_change) as is_dated_change
from dated as d
semi join changed as c on d.fact_id = c.fact_id
group by d.source, d.relation, d.fact_id, d.observed_at
having min(d.value_key) = max(d.value_key)
