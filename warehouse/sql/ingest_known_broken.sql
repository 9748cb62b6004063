-- Rows that could not be read and were put into quarantine before, as they still are.
-- grain: one row per row number
-- params: $source
-- reads: batch, raw_rows, parts
select distinct b.row
from batch as b
inner join raw_rows as r on b.row = r.row
inner join parts as p on b.row between p.first_row and p.last_row
inner join quarantine as q
    on q.file = p.file and q.row = b.row - p.first_row + 1 and q.raw = r.text
where b.broken is not null and q.source = $source and q.reason = 'malformed_row'
