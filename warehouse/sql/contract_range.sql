-- Values of a column below the least or above the most that the contract allows. Bounds that are
-- numbers compare numbers, others dates.
-- grain: one row if there are any
-- params: $least, $most (texts; null: no bound)
-- reads: checked (row, x)
with texts as (
    select
        c.row,
        filled(c.x::varchar) as x
    from checked as c
)
select
    count(*) as num_rows,
    min(t.row) as row,
    arg_min(t.x, t.row) as example
from texts as t
where coalesce(
    case
        when try_cast(coalesce($least::varchar, $most::varchar) as double) is not null
            then try_cast(t.x as double) < try_cast($least::varchar as double)
                or try_cast(t.x as double) > try_cast($most::varchar as double)
        else first_day(t.x) < first_day($least::varchar)
            or last_day_of(t.x) > last_day_of($most::varchar)
    end,
    false
)
having count(*) > 0
