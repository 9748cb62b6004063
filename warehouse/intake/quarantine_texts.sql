-- name: quarantine_drop
-- Take the text out of refused rows that are old: see quarantine_old.
-- grain: one row per refused row
-- params: $before
update quarantine as q
set
    raw = '(removed)',
    fields = null,
    recipe = null
where q.raw <> '(removed)' and coalesce(q.replayed_at, q.recorded_at) < $before
    and (q.reason <> 'malformed_row' or q.replayed_at is not null)

-- name: quarantine_old
-- Refused rows that are old and still have their text. Of rows that nobody can read the text is how
-- the same row is known again, so it stays until they are put right.
-- grain: one row
-- params: $before
select
    count(*) as num_rows,
    coalesce(sum(strlen(q.raw) + coalesce(strlen(q.fields), 0) + coalesce(strlen(q.recipe), 0)), 0)
        as num_bytes
from quarantine as q
where q.raw <> '(removed)' and coalesce(q.replayed_at, q.recorded_at) < $before
    and (q.reason <> 'malformed_row' or q.replayed_at is not null)
