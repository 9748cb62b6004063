-- The sources that only one of two snapshots has.
-- grain: one row per source
-- reads: old_claims, new_claims
with olds as (
    select
        c.source,
        count(*) as num_claims
    from old_claims as c
    group by c.source
),
news as (
    select
        c.source,
        count(*) as num_claims
    from new_claims as c
    group by c.source
)
select
    coalesce(n.source, o.source) as source,
    case when o.source is null then 'new' else 'gone' end as op,
    coalesce(n.num_claims, o.num_claims) as num_claims
from olds as o
full outer join news as n on o.source = n.source
where o.source is null or n.source is null
order by op, source
