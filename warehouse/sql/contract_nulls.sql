-- The share of rows in which a column says nothing, where it is more than the contract allows.
-- grain: one row if it is
-- params: $share
-- reads: checked (row, x)
select
    count(*) as num_rows,
    min(c.row) filter (filled(c.x::varchar) is null) as row,
    avg((filled(c.x::varchar) is null)::integer) as share
from checked as c
having avg((filled(c.x::varchar) is null)::integer) > $share
