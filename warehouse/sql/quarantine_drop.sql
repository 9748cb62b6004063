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
