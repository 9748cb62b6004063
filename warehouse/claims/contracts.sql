-- name: contract_allowed
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

-- name: contract_matches
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

-- name: contract_newest
-- The newest date in a column; null where none is a date.
-- grain: one row
-- reads: checked (row, x)
select max(first_day(filled(c.x::varchar))) as newest
from checked as c

-- name: contract_nulls
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

-- name: contract_range
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

-- name: contract_type
-- Values of a column that are not what the contract says.
-- grain: one row if there are any
-- params: $kind (text, integer, number, date or boolean)
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
where t.x is not null
    and not case $kind
        when 'integer' then regexp_full_match(t.x, '[+-]?\d+(\.0+)?')
        when 'number' then coalesce(isfinite(try_cast(t.x as double)), false)
        when 'date' then first_day(t.x) is not null
        when 'boolean' then try_cast(t.x as boolean) is not null
        else true
    end
having count(*) > 0

-- name: contract_unique
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
