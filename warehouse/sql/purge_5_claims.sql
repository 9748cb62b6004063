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
