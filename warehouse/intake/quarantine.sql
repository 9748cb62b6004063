-- name: quarantine_ids
-- Ids of refused rows, for a hint.
-- grain: one row per refused input row
select q.quarantine_id
from quarantine as q
order by q.quarantine_id

-- name: quarantine_list
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

-- name: quarantine_replayed
-- Mark a refused row as put right and taken in.
-- grain: one row changed
-- params: $quarantine_id, $now
-- reads: judged_rows (the row as it is now)
update quarantine as q
set
    replayed_at = $now,
    claim_id = j.claim_id
from judged_rows as j
where q.quarantine_id = $quarantine_id and j.verdict is null
returning q.claim_id

-- name: quarantine_verdict
-- Why a row that was put right is still refused; nothing if it is not.
-- grain: one row per refused row
-- reads: judged_rows
select
    j.verdict.field as field,
    j.verdict.reason as reason,
    j.verdict.explanation as explanation
from judged_rows as j
where j.verdict is not null
