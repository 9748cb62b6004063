-- Keys that occur more than once.
-- grain: one row if there are any
-- reads: checked (row, x)
with repeated as (
    select
        c.x,
        min(c.row) as first_row,
        count(*) as num_rows
    from checked as c
    group by c.x
    having count(*) > 1
)
select
    sum(r.num_rows)::bigint as num_rows,
    min(r.first_row) as row,
    arg_min(r.x, r.first_row) as example
from repeated as r
having count(*) > 0
