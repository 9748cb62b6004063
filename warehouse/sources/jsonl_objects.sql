-- The lines that hold one JSON object each, no key twice.
-- grain: one row per readable line; row is the line number
-- reads: lines (line; in file order)
create or replace temp table objects as
with numbered as (
    select
        row_number() over () as row,
        l.line
    from lines as l
)
select
    n.row,
    n.line::json as line
from numbered as n
where case
    when json_valid(n.line) and json_type(n.line) = 'OBJECT'
        then len(json_keys(n.line)) = len(list_distinct(json_keys(n.line)))
    else false
end
