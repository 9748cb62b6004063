-- The keys that occur, in the order of their first line, and whether any of them holds a list.
-- grain: one row per key
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
