-- Fingerprint of all that is trained: fact, prompts and answer.
-- grain: one row
-- params: $training_sum
select sha256($training_sum::varchar) as training_hash
