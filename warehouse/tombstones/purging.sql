-- name: forget_quarantine
-- Take the text out of refused rows about a slot that was purged.
-- grain: one row per refused row about a purged slot
update quarantine as q
set
    fact_id = left(t.slot_hash, 16),
    raw = '(forgotten)',
    fields = null,
    recipe = null,
    explanation = '(forgotten)'
from tombstones as t
where t.purged_at is not null and t.lifted_at is null
    and sha256(t.salt || q.fact_id) = t.slot_hash

-- name: forget_raw
-- Take the text out of refused rows that name the slot's subject beside one of its values: a row of a
-- table that was refused for another column. Such a row cannot be put right any more.
-- grain: one row per refused row
-- params: $subjects, $values
update quarantine as q
set
    raw = '(forgotten)',
    fields = null,
    recipe = null,
    explanation = '(forgotten)'
where exists (
        select 1
        from (select unnest($subjects::varchar[]) as name) as s
        where contains(name_key(normal_form(q.raw)), name_key(s.name))
    )
    and exists (
        select 1
        from (select unnest($values::varchar[]) as value) as v
        where contains(normal_form(q.raw), v.value)
    )

-- name: forget_rows
-- Take the text out of judged rows about a slot that was purged: they come in as rows that count.
-- grain: one row per input row about a purged slot
-- reads: judged_rows
update judged_rows as j
set
    claim_id = sha256(t.salt || j.claim_id),
    fact_id = left(t.slot_hash, 16),
    subject = '(forgotten)',
    relation = '(forgotten)',
    value = '(forgotten)',
    question = '(forgotten)',
    cloze = null,
    prompt_kind = 'question',
    paraphrases = []::varchar[],
    aliases = []::varchar[],
    observed_at = null,
    valid_from = null,
    valid_to = null
from tombstones as t
where t.purged_at is not null and t.lifted_at is null
    and j.verdict is null and sha256(t.salt || j.fact_id) = t.slot_hash

-- name: forget_said
-- Cover what a run said to questions about other slots where it holds one of the texts.
-- grain: one row per question that was so answered
-- params: $texts
update recall
set said = '(forgotten)'
where exists (select 1 from unnest($texts::varchar[]) as looked_for (text) where contains(said, text))

-- name: purge_origins
-- Name the origins of a slot's claims as the claims will be named.
-- grain: one row per origin
-- params: $fact_id, $salt
update origins
set claim_id = sha256($salt || claim_id)
where claim_id in (select c.claim_id from claims as c where c.fact_id = $fact_id)

-- name: purge_retractions
-- Name the withdrawals of a slot's claims as the claims will be named.
-- grain: one row per withdrawal
-- params: $fact_id, $salt
update retractions
set claim_id = sha256($salt || claim_id)
where claim_id in (select c.claim_id from claims as c where c.fact_id = $fact_id)

-- name: purge_quarantine
-- Take the text out of refused rows that were put right and became claims of the slot.
-- grain: one row per refused row
-- params: $fact_id, $salt
update quarantine
set
    claim_id = sha256($salt || claim_id),
    raw = '(forgotten)',
    fields = null,
    recipe = null,
    explanation = '(forgotten)'
where claim_id in (select c.claim_id from claims as c where c.fact_id = $fact_id)

-- name: purge_decisions
-- Remove what was decided about a slot's claims: reasons name values.
-- grain: none left about the slot
-- params: $fact_id
delete from decisions
where claim_id in (select c.claim_id from claims as c where c.fact_id = $fact_id)

-- name: purge_claims
-- Take the text out of a slot's claims; they stay as rows that count.
-- grain: one row per claim_id of the slot
-- params: $fact_id, $salt, $slot_hash
update claims
set
    claim_id = sha256($salt || claim_id),
    fact_id = left($slot_hash, 16),
    subject = '(forgotten)',
    relation = '(forgotten)',
    value = '(forgotten)',
    question = '(forgotten)',
    cloze = null,
    prompt_kind = 'question',
    paraphrases = []::varchar[],
    aliases = []::varchar[],
    observed_at = null,
    valid_from = null,
    valid_to = null
where fact_id = $fact_id

-- name: purge_slots
-- Name a purged slot by its salted hash.
-- grain: one row per fact_id
-- params: $fact_id, $slot_hash
update slots
set
    fact_id = left($slot_hash, 16),
    subject = '(forgotten)',
    relation = '(forgotten)'
where fact_id = $fact_id

-- name: purge_slot_twice
-- Keep one row of a slot that was purged twice.
-- grain: one row per surplus
-- params: $slot_hash
delete from slots
where fact_id = left($slot_hash, 16)
    and rowid > (select min(s.rowid) from slots as s where s.fact_id = left($slot_hash, 16))

-- name: purge_ambiguous_prompts
-- Remove what is counted of the slot's phrasings.
-- grain: at most one row removed
-- params: $fact_id
delete from ambiguous_prompts where fact_id = $fact_id

-- name: purge_assignment
-- Remove which experts a slot was given.
-- grain: none left about the slot
-- params: $fact_id
delete from assignment
where fact_id = $fact_id

-- name: purge_change_log
-- Remove the log of how the fact of a slot changed.
-- grain: none left about the slot
-- params: $fact_id
delete from change_log
where fact_id = $fact_id

-- name: purge_conflicts
-- Remove the tie of a slot.
-- grain: none left about the slot
-- params: $fact_id
delete from conflicts
where fact_id = $fact_id

-- name: purge_facts
-- Remove the facts that a slot ever was.
-- grain: none left about the slot
-- params: $fact_id
delete from facts
where fact_id = $fact_id

-- name: purge_recall
-- Remove what runs measured of a slot.
-- grain: none left about the slot
-- params: $fact_id
delete from recall
where fact_id = $fact_id

-- name: purge_suspected_claims
-- Remove the suspicions about the slot's claims.
-- grain: one row removed per suspected claim
-- params: $fact_id
delete from suspected_claims where fact_id = $fact_id

-- name: purge_timeline
-- Remove what held when in a slot.
-- grain: none left about the slot
-- params: $fact_id
delete from timeline
where fact_id = $fact_id

-- name: purge_tombstone
-- Keep of a tombstone its salted hash alone.
-- grain: one row
-- params: $slot_hash, $now
update tombstones
set
    fact_id = null,
    subject = null,
    relation = null,
    purged_at = coalesce(purged_at, $now::timestamp)
where slot_hash = $slot_hash

-- name: slot_origins
-- Where a slot's claims were asserted: the rows that the sources still hold.
-- grain: one row per (source, file, row)
-- params: $fact_ids
select distinct
    c.source,
    o.file,
    o.row
from claims as c
inner join origins as o on c.claim_id = o.claim_id
where c.fact_id in (select unnest($fact_ids::varchar[]))
order by c.source, o.file, o.row

-- name: slot_texts
-- All texts that the catalogue holds of a slot: to be looked for, and to be gone.
-- grain: one row per distinct text
-- params: $fact_ids
with texts as (
    select 'value' as kind, c.value as text
    from claims as c
    where c.fact_id in (select unnest($fact_ids::varchar[]))
    union all
    select 'value' as kind, f.answer as text
    from facts as f
    where f.fact_id in (select unnest($fact_ids::varchar[]))
    union all
    select 'value' as kind, unnest(f."values") as text
    from facts as f
    where f.fact_id in (select unnest($fact_ids::varchar[]))
    union all
    select 'value' as kind, unnest(c.aliases) as text
    from claims as c
    where c.fact_id in (select unnest($fact_ids::varchar[]))
    union all
    select 'prompt' as kind, unnest(f.prompts) as text
    from facts as f
    where f.fact_id in (select unnest($fact_ids::varchar[]))
    union all
    select 'prompt' as kind, unnest(list_concat([c.question, c.cloze], c.paraphrases)) as text
    from claims as c
    where c.fact_id in (select unnest($fact_ids::varchar[]))
)
select distinct
    t.kind,
    t.text
from texts as t
where t.text is not null and t.text <> ''
order by t.kind, t.text

-- name: values_elsewhere
-- Which of the texts claims about other slots hold too: finding those proves nothing.
-- grain: one row per text
-- params: $texts, $fact_ids
select distinct g.text
from (select unnest($texts::varchar[]) as text) as g
inner join claims as c
    on contains(c.value, g.text) or contains(c.subject, g.text) or contains(c.question, g.text)
where c.fact_id not in (select unnest($fact_ids::varchar[]))
order by g.text
