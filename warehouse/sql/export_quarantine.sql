-- Rows that were not taken in, as they were given, with the reason; not those put right since.
-- grain: one row per refused input row
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
    q.raw
from known_quarantine as q
order by q.file, q.row, q.field, q.reason, q.raw, q.quarantine_id
