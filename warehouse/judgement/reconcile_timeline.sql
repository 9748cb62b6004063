-- What held when in the time-varying slots: runs of one value, each from its first date to the start
-- of the next run (or to the last day that the claims themselves give).
-- grain: one row per (fact_id, held_from)
-- reads: standings, strengths, rules, keyed_claims
create or replace temp table held_spans as
with said as (
    select
        k.fact_id,
        t.since,
        coalesce(s.merged_key, k.value_key) as value_key,
        any_value(s.slot) as slot,
        any_value(s.key_hash) as key_hash,
        max({'authority': t.authority, 'observed_on': t.observed_on}) as best,
        max(k.valid_to) as valid_to,
        count(distinct s.source_hash) as num_sources,
        first(k.value order by t.authority desc, t.observed_on desc, k.value) as value
    from standings as s
    inner join rules as r on s.rule_id = r.rule_id and r.slot = 'time_varying'
    inner join strengths as t on s.strength = t.strength
    inner join keyed_claims as k on s.claim_no = k.claim_no
    where s.standing in ('valid', 'outdated')
    group by k.fact_id, t.since, coalesce(s.merged_key, k.value_key)
),
firsts as (
    select s.*
    from said as s
    qualify row_number() over (
        partition by s.fact_id, s.since
        order by s.best desc, s.num_sources desc, s.value_key
    ) = 1
),
turns as (
    select
        l.*,
        lag(l.value_key) over (partition by l.fact_id order by l.since) as value_before
    from firsts as l
),
runs as (
    select
        t.*,
        count(*) filter (t.value_before is distinct from t.value_key)
            over (partition by t.fact_id order by t.since) as run_index
    from turns as t
),
spans as (
    select
        r.fact_id,
        any_value(r.slot) as slot,
        any_value(r.key_hash) as key_hash,
        first(r.value order by r.since desc) as value,
        min(r.since) as held_from,
        max(r.valid_to) as valid_to,
        r.run_index
    from runs as r
    group by r.fact_id, r.run_index
)
select
    s.fact_id,
    s.slot,
    s.key_hash,
    s.value,
    s.held_from,
    least(
        s.valid_to, lead(s.held_from) over (partition by s.fact_id order by s.run_index)
    ) as held_to
from spans as s
