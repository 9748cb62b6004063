-- Where each claim stands before values compete: as placed, or held back as part of a bad import, or
-- superseded by a later claim of its own source (single-valued slots; in time-varying ones every
-- later claim outdates, whoever makes it). Few sources speak twice of a slot, so who changed its mind is
-- looked for only where some may have (`repeating`).
-- grain: one row per claim_no
-- reads: placed, strengths, bad_imports, merged_keys, rules
create or replace temp table standings as
with merged as (
    select
        m.*,
        hash(m.merged_key) as merged_hash
    from merged_keys as m
),
repeating as (
    select p.slot
    from placed as p
    where p.standing = 'valid'
    group by p.slot
    having min(p.key_hash) <> max(p.key_hash) and least_distinct(p.source_hash) < count(*)
),
repeated as (
    select p.*
    from placed as p
    semi join repeating as r on p.slot = r.slot
    where p.standing = 'valid'
),
minds as (
    select
        r.slot,
        r.source_hash
    from repeated as r
    group by r.slot, r.source_hash
    having min(r.key_hash) <> max(r.key_hash)
),
replaceable as (
    select
        p.claim_no,
        p.slot,
        p.source_hash,
        coalesce(m.merged_hash, p.key_hash) as key_hash,
        p.observed_on,
        t.strength
    from repeated as p
    semi join minds as n on p.slot = n.slot and p.source_hash = n.source_hash
    inner join rules as r on p.rule_id = r.rule_id
    inner join strengths as t
        on p.authority = t.authority and p.since = t.since and p.observed_on = t.observed_on
    anti join bad_imports as b on p.claim_no = b.claim_no
    left join merged as m on p.slot = m.slot and p.key_hash = m.key_hash
    where r.superseding and r.slot = 'single_valued'
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
    p.claim_no,
    p.slot,
    p.rule_id,
    coalesce(m.merged_hash, p.key_hash) as key_hash,
    m.merged_key,
    p.source_hash,
    t.strength,
    case
        when b.claim_no is not null then 'bad_import'
        when s.claim_no is not null then 'superseded'
        else p.standing
    end as standing,
    coalesce(b.reason, p.withdrawal) as because,
    s.superseded_on
from placed as p
inner join strengths as t
    on p.authority = t.authority and p.since = t.since and p.observed_on = t.observed_on
left join bad_imports as b on p.claim_no = b.claim_no and p.standing = 'valid'
left join superseded as s on p.claim_no = s.claim_no
left join merged as m on p.slot = m.slot and p.key_hash = m.key_hash
