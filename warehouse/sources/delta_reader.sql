-- name: delta_feed
-- What a change feed comes to: of each row, whether its latest change left it in the table.
-- grain: one row per distinct row of data
-- reads: feed (data, kind, version)
with latest as (
    select
        f.data,
        f.kind
    from feed as f
    qualify f.version = max(f.version) over (partition by f.data)
)
select
    l.data,
    bool_or(l.kind in ('insert', 'update_postimage')) as is_present
from latest as l
group by l.data
order by to_json(l.data)::varchar
