-- name: recover_claims
-- Take the claims of a snapshot into an empty catalogue. Those of slots that are to be forgotten were
-- published without their text: they stand under the salted name of their slot.
-- grain: one row per claim_id
-- params: $now
-- reads: published_claims
insert into claims
select
    case when t.slot_hash is null then p.claim_id else sha256(t.salt || p.claim_id) end as claim_id,
    case when t.slot_hash is null then p.fact_id else left(t.slot_hash, 16) end as fact_id,
    case when t.slot_hash is null then p.subject else '(forgotten)' end as subject,
    case when t.slot_hash is null then p.relation else '(forgotten)' end as relation,
    p.value,
    p.question,
    p.cloze,
    case when p.cloze = p.question then 'cloze' else 'question' end as prompt_kind,
    p.paraphrases,
    p.aliases,
    p.source,
    p.authority,
    p.observed_at,
    p.valid_from,
    p.valid_to,
    $now::timestamp as recorded_at
from published_claims as p
left join tombstones as t on sha256(t.salt || p.fact_id) = t.slot_hash
order by p.fact_id, p.claim_id

-- name: recover_origins
-- Keep where the claims were asserted, as far as the snapshot tells.
-- grain: one row per input row
-- params: $content_hash
-- reads: published_claims, published_duplicates
insert into origins
with asserted as (
    select p.claim_id, p.file, p.row
    from published_claims as p
    union all
    select d.claim_id, d.file, d.row
    from published_duplicates as d
)
select
    case when t.slot_hash is null then a.claim_id else sha256(t.salt || a.claim_id) end as claim_id,
    a.file,
    a.row,
    $content_hash as content_hash
from asserted as a
inner join published_claims as p on a.claim_id = p.claim_id
left join tombstones as t on sha256(t.salt || p.fact_id) = t.slot_hash

-- name: recover_slots
-- List the slots that the claims are about.
-- grain: one row per fact_id
insert into slots
select distinct c.fact_id, c.subject, c.relation
from claims as c

-- name: recover_relations
-- Let each source that speaks of a relation declare the rule by which it was decided.
-- grain: one row per (relation, source)
-- params: $now
-- reads: published_relations
insert into relations
select
    p.relation,
    c.source,
    p.rule,
    $now::timestamp as recorded_at
from published_relations as p
inner join (select distinct k.relation, k.source from claims as k) as c on p.relation = c.relation

-- name: recover_retractions
-- Withdraw again what was withdrawn; what an extract had left out may come back with it.
-- grain: one row per claim_id
-- params: $now
-- reads: published_claims
insert into retractions
select
    p.claim_id,
    p.reason,
    $now::timestamp as recorded_at,
    true as withdrawn,
    case when starts_with(p.reason, 'no longer in ') then p.source end as source
from published_claims as p
where p.status = 'retracted'

-- name: recover_ingest
-- Record the snapshot as what was taken in.
-- grain: one row added
-- params: $content_hash, $file, $now
insert into ingests
select
    $content_hash as content_hash,
    null as source,
    $file as file,
    (select count(*) from origins) as num_rows,
    (select count(*) from claims) as num_accepted,
    (select count(*) from origins) - (select count(*) from claims) as num_duplicates,
    0 as num_quarantined,
    $now::timestamp as recorded_at

-- name: holds_claims
-- A row where the catalogue holds a claim.
-- grain: at most one row
select c.claim_id
from claims as c
limit 1

-- name: recovered
-- What a catalogue that was made anew holds.
-- grain: one row
select
    (select count(*) from claims) as num_claims,
    (select count(*) from origins) as num_rows,
    (select count(*) from tombstones as t where t.lifted_at is null) as num_tombstones
