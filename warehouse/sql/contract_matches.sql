-- Values of a column that do not have the form the contract wants.
-- grain: one row if there are any
-- params: $pattern (a regular expression for the whole value)
-- reads: checked (row, x)
select
    count(*) as num_rows,
    min(c.row) as row,
    arg_min(c.x::varchar, c.row) as example
from checked as c
where filled(c.x::varchar) is not null
    and not regexp_full_match(filled(c.x::varchar), $pattern)
having count(*) > 0
