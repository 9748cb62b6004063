-- name: compare_claims
-- The claims whose status is another one in the later snapshot.
-- grain: one row per claim_id that both have
-- reads: old_claims, new_claims
select
    n.claim_id,
    n.subject,
    n.relation,
    n.value,
    n.source,
    o.status as old_status,
    n.status as new_status,
    n.reason as new_reason
from old_claims as o
inner join new_claims as n on o.claim_id = n.claim_id
where o.status <> n.status
order by n.subject, n.relation, n.source, n.value, n.claim_id

-- name: compare_counts
-- How many facts and claims two snapshots have.
-- grain: one row
-- reads: old_facts, new_facts, old_claims, new_claims
select
    (select count(*) from old_facts) as old_facts,
    (select count(*) from new_facts) as new_facts,
    (select count(*) from old_claims) as old_claims,
    (select count(*) from new_claims) as new_claims

-- name: compare_sources
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
