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
