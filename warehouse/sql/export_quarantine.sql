-- Rows that were not taken in, as they were given, with the reason.
-- grain: one row per refused input row
select
    q.source,
    q.file,
    q.row,
    q.field,
    q.reason,
    q.explanation,
    q.raw
from known_quarantine as q
order by q.file, q.row, q.field, q.reason, q.raw
