-- Where each claim stands before values compete: as placed, or held back as part of a bad import, or
-- superseded by a later claim of its own source (single-valued slots; in time-varying ones every
-- later claim outdates, whoever makes it).
-- grain: one row per claim_id
-- reads: placed, bad_imports, merged_keys
create or replace temp table standings as
with judged as (
    select
        p.* replace (
            case when b.claim_id is null then p.standing else 'bad_import' end as standing,
            coalesce(m.merged_key, p.value_key) as value_key
        ),
        b.reason as suspicion
    from placed as p
    left join bad_imports as b on p.claim_id = b.claim_id and p.standing = 'valid'
    left join merged_keys as m on p.fact_id = m.fact_id and p.value_key = m.value_key
),
changed_minds as (
    select
        p.fact_id,
        p.source,
        max({'authority': p.authority, 'observed_on': p.observed_on}) as latest
    from judged as p
    where p.standing = 'valid' and p.slot = 'single_valued' and p.superseding
    group by p.fact_id, p.source
    having min(p.value_key) <> max(p.value_key)
),
latest_values as (
    select distinct
        p.fact_id,
        p.source,
        p.value_key
    from judged as p
    inner join changed_minds as m on p.fact_id = m.fact_id and p.source = m.source
    where p.standing = 'valid'
        and p.authority = m.latest.authority
        and p.observed_on = m.latest.observed_on
),
superseded as (
    select
        p.claim_id,
        m.latest.observed_on as superseded_on
    from judged as p
    inner join changed_minds as m on p.fact_id = m.fact_id and p.source = m.source
    anti join latest_values as l
        on p.fact_id = l.fact_id and p.source = l.source and p.value_key = l.value_key
    where p.standing = 'valid' and p.observed_on < m.latest.observed_on
)
select
    p.* replace (
        case when s.claim_id is null then p.standing else 'superseded' end as standing
    ),
    s.superseded_on
from judged as p
left join superseded as s on p.claim_id = s.claim_id
