-- Where each claim stands before values compete: withdrawn, outside its valid time, superseded by a
-- later claim of its own source (single-valued slots only), or valid.
-- An unknown date of observation counts as older than any known one.
-- grain: one row per claim_id
-- params: $as_of
create or replace temp table standings as
with declared as (
    select
        r.relation,
        bool_or(r.rule ->> '$.slot' = 'multi_valued') as multi_valued
    from relations as r
    group by r.relation
),
withdrawn as (
    select
        r.claim_id,
        min(r.reason) as reason
    from retractions as r
    group by r.claim_id
),
placed as (
    select
        c.claim_id,
        c.fact_id,
        c.value,
        c.source,
        c.authority,
        c.observed_at,
        coalesce(c.observed_at, date '0001-01-01') as observed_on,
        c.valid_from,
        c.valid_to,
        coalesce(d.multi_valued, false) as multi_valued,
        w.reason as withdrawal,
        case
            when w.claim_id is not null then 'retracted'
            when c.valid_to < $as_of then 'outdated'
            when c.valid_from > $as_of then 'not_yet_valid'
            else 'valid'
        end as standing
    from claims as c
    left join declared as d on c.relation = d.relation
    left join withdrawn as w on c.claim_id = w.claim_id
),
changed_minds as (
    select
        p.fact_id,
        p.source,
        max({'authority': p.authority, 'observed_on': p.observed_on}) as latest
    from placed as p
    where p.standing = 'valid' and not p.multi_valued
    group by p.fact_id, p.source
    having min(p.value) <> max(p.value)
),
latest_values as (
    select distinct
        p.fact_id,
        p.source,
        p.value
    from placed as p
    inner join changed_minds as m on p.fact_id = m.fact_id and p.source = m.source
    where p.standing = 'valid'
        and p.authority = m.latest.authority
        and p.observed_on = m.latest.observed_on
),
superseded as (
    select
        p.claim_id,
        m.latest.observed_on as superseded_on
    from placed as p
    inner join changed_minds as m on p.fact_id = m.fact_id and p.source = m.source
    anti join latest_values as l
        on p.fact_id = l.fact_id and p.source = l.source and p.value = l.value
    where p.standing = 'valid' and p.observed_on < m.latest.observed_on
)
select
    p.* replace (
        case when s.claim_id is null then p.standing else 'superseded' end as standing
    ),
    s.superseded_on
from placed as p
left join superseded as s on p.claim_id = s.claim_id
