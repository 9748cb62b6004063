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
-- The keys that occur, in the order of their first line; whether any of them holds a list, and
-- whether any holds an object, or a list of lists or objects.
-- grain: one row per key
-- reads: objects
with pairs as (
    select
        o.row,
        unnest(json_keys(o.line)) as key,
        o.line
    from objects as o
),
found as (
    select
        p.row,
        p.key,
        json_extract(p.line, '/' || replace(replace(p.key, '~', '~0'), '/', '~1')) as value
    from pairs as p
)
select
    f.key,
    bool_or(json_type(f.value) = 'ARRAY') as holds_lists,
    bool_or(
        json_type(f.value) = 'OBJECT'
        or (
            json_type(f.value) = 'ARRAY'
            and list_has_any(json_type(f.value, '$[*]'), ['OBJECT', 'ARRAY'])
        )
    ) as holds_nested
from found as f
group by f.key
order by min(f.row), f.key
