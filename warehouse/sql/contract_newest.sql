-- The newest date in a column; null where none is a date.
-- grain: one row
-- reads: checked (row, x)
select max(first_day(filled(c.x::varchar))) as newest
from checked as c
