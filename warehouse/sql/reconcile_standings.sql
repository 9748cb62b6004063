-- Where each claim stands before values compete: as placed, or held back as part of a bad import, or
-- superseded by a later claim of its own source (single-valued slots; in time-varying ones every
-- later claim outdates, whoever makes it).
-- grain: one row per claim_no
-- reads: placed, strengths, bad_imports, merged_keys
create or replace temp table standings as
with judged as (
    select
        p.* exclude (standing, value_key, key_hash, superseding, suspicious),
        case when b.claim_no is null then p.standing else 'bad_import' end as standing,
        coalesce(m.merged_key, p.value_key) as value_key,
        case when m.merged_key is null then p.key_hash else hash(m.merged_key) end as key_hash,
        p.superseding and p.slot_kind = 'single_valued' as superseding,
        t.strength,
        b.reason as suspicion
    from placed as p
    inner join strengths as t
        on p.authority = t.authority and p.since = t.since and p.observed_on = t.observed_on
    left join bad_imports as b on p.claim_no = b.claim_no and p.standing = 'valid'
    left join merged_keys as m on p.fact_id = m.fact_id and p.value_key = m.value_key
),
changed_minds as (
    select
        p.slot,
        p.source_hash,
        max(p.strength) as latest
    from judged as p
    where p.standing = 'valid' and p.superseding
    group by p.slot, p.source_hash
    having min(p.key_hash) <> max(p.key_hash)
),
latest_values as (
    select distinct
        p.slot,
        p.source_hash,
        p.key_hash
    from judged as p
    inner join changed_minds as m
        on p.slot = m.slot and p.source_hash = m.source_hash and p.strength = m.latest
    where p.standing = 'valid'
),
superseded as (
    select
        p.claim_no,
        t.observed_on as superseded_on
    from judged as p
    inner join changed_minds as m on p.slot = m.slot and p.source_hash = m.source_hash
    inner join strengths as t on m.latest = t.strength
    anti join latest_values as l
        on p.slot = l.slot and p.source_hash = l.source_hash and p.key_hash = l.key_hash
    where p.standing = 'valid' and p.observed_on < t.observed_on
)
select
    p.* replace (
        case when s.claim_no is null then p.standing else 'superseded' end as standing
    ),
    s.superseded_on
from judged as p
left join superseded as s on p.claim_no = s.claim_no
