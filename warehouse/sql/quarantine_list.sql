-- Refused rows, those put right left out unless asked for.
-- grain: one row per refused input row
-- params: $source, $reason, $quarantine_ids (each null: all), $with_replayed
select
    q.quarantine_id,
    q.source,
    q.file,
    q.row,
    q.line,
    q.field,
    q."column",
    q.reason,
    q.explanation,
    q.raw,
    q.fields,
    q.recipe,
    q.content_hash,
    q.recorded_at,
    q.replayed_at,
    q.claim_id
from quarantine as q
where ($with_replayed or q.replayed_at is null)
    and ($source::varchar is null or q.source = $source)
    and ($reason::varchar is null or q.reason = $reason)
    and (
        $quarantine_ids::varchar[] is null
        or list_contains($quarantine_ids::varchar[], q.quarantine_id)
    )
order by q.file, q.row, q.field, q.quarantine_id
