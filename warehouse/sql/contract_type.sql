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
