-- name: jsonl_broken
-- The lines that hold something else than one JSON object; empty lines are nothing.
-- grain: one row per unreadable line
-- reads: lines (line; in file order), objects
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

-- name: jsonl_keys
-- The keys that occur, in the order of their first line, and whether any of them holds a list.
-- grain: one row per key
-- reads: objects
with pairs as (
    select
        o.row,
        unnest(json_keys(o.line)) as key,
        o.line
    from objects as o
)
select
    p.key,
    bool_or(json_type(json_extract(p.line, '$.' || to_json(p.key)::varchar)) = 'ARRAY')
        as holds_lists
from pairs as p
group by p.key
order by min(p.row), p.key
