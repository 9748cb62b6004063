-- Values of a column that are not among those the contract allows.
-- grain: one row if there are any
-- params: $allowed
-- reads: checked (row, x)
select
    count(*) as num_rows,
    min(c.row) as row,
    arg_min(c.x::varchar, c.row) as example
from checked as c
where filled(c.x::varchar) is not null
    and not list_contains($allowed::varchar[], filled(c.x::varchar))
having count(*) > 0
