-- name: content_hash
-- Fingerprint of a batch: the same rows in any order give the same text.
-- grain: one row
-- params: $source, $file
-- reads: batch (the Arrow table of a ClaimBatch)
with fingerprints as (
    select
        sha256(
            to_json([
                b.subject, b.relation, b.value, b.question, b.cloze, b.source, b.authority,
                b.observed_at, b.valid_from, b.valid_to, b.broken
            ])::varchar
            || to_json([b.paraphrases, b.aliases])::varchar
        ) as fingerprint
    from batch as b
)
select
    sha256(
        to_json([$source, $file])::varchar
        || coalesce(string_agg(f.fingerprint, '' order by f.fingerprint), '')
    ) as content_hash
from fingerprints as f
