-- The lines that hold something else than one JSON object; empty lines are nothing.
-- grain: one row per unreadable line
-- reads: lines (line), in file order
with numbered as (
    select
        row_number() over () as row,
        l.line
    from lines as l
)
select
    n.row,
    n.line,
    case
        when json_valid(n.line) and json_type(n.line) = 'OBJECT' then 'a key occurs twice'
        else 'the line is not one JSON object'
    end as why
from numbered as n
anti join objects as o on n.row = o.row
where trim(n.line, E' \t\r') <> ''
order by n.row
