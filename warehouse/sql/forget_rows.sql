-- Take the text out of judged rows about a slot that was purged: they come in as rows that count.
-- grain: one row per input row about a purged slot
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
