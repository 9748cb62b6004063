-- Where each claim stands before values compete: as placed, or held back as part of a bad import, or
-- superseded by a later claim of its own source (single-valued slots; in time-varying ones every
-- later claim outdates, whoever makes it).
-- grain: one row per claim_no
-- reads: placed, strengths, bad_imports, merged_keys
create or replace temp table standings as
with replaceable as (
    select
        p.claim_no,
        p.slot,
        p.source_hash,
        case when m.merged_key is null then p.key_hash else hash(m.merged_key) end as key_hash,
        p.observed_on,
        t.strength
    from placed as p
    inner join strengths as t
        on p.authority = t.authority and p.since = t.since and p.observed_on = t.observed_on
    anti join bad_imports as b on p.claim_no = b.claim_no
    left join merged_keys as m on p.fact_id = m.fact_id and p.value_key = m.value_key
    where p.standing = 'valid' and p.superseding and p.slot_kind = 'single_valued'
),
changed_minds as (
    select
        r.slot,
        r.source_hash,
        max(r.strength) as latest
    from replaceable as r
    group by r.slot, r.source_hash
    having min(r.key_hash) <> max(r.key_hash)
),
latest_values as (
    select distinct
        r.slot,
        r.source_hash,
        r.key_hash
    from replaceable as r
    inner join changed_minds as m
        on r.slot = m.slot and r.source_hash = m.source_hash and r.strength = m.latest
),
superseded as (
    select
        r.claim_no,
        t.observed_on as superseded_on
    from replaceable as r
    inner join changed_minds as m on r.slot = m.slot and r.source_hash = m.source_hash
    inner join strengths as t on m.latest = t.strength
    anti join latest_values as l
        on r.slot = l.slot and r.source_hash = l.source_hash and r.key_hash = l.key_hash
    where r.observed_on < t.observed_on
)
select
    p.* exclude (standing, value_key, key_hash, superseding, suspicious),
    case
        when b.claim_no is not null then 'bad_import'
        when s.claim_no is not null then 'superseded'
        else p.standing
    end as standing,
    coalesce(m.merged_key, p.value_key) as value_key,
    case when m.merged_key is null then p.key_hash else hash(m.merged_key) end as key_hash,
    t.strength,
    b.reason as suspicion,
    s.superseded_on
from placed as p
inner join strengths as t
    on p.authority = t.authority and p.since = t.since and p.observed_on = t.observed_on
left join bad_imports as b on p.claim_no = b.claim_no and p.standing = 'valid'
left join superseded as s on p.claim_no = s.claim_no
left join merged_keys as m on p.fact_id = m.fact_id and p.value_key = m.value_key
