-- How each source fared in each relation: what became of its claims, and how often it is right where
-- that was learned for this very state. used_share counts the claims that were judged valid: what is
-- outdated, not yet valid or withdrawn was no mistake.
-- grain: one row per (relation, source)
-- reads: known_claims
with fates as (
    select
        c.relation,
        c.source,
        count(*) as num_claims,
        count(*) filter (d.status = 'used') as num_used,
        count(*) filter (d.status = 'contradicted') as num_contradicted,
        count(*) filter (d.status = 'outdated') as num_outdated,
        count(*) filter (d.status = 'held_back') as num_held_back,
        max(c.authority) as authority
    from known_claims as c
    inner join decisions as d on c.claim_id = d.claim_id and d.recorded_to is null
    group by c.relation, c.source
),
learned as (
    select
        a.relation,
        a.source,
        a.accuracy,
        a.copy_group
    from source_accuracies as a
    inner join reconciled as r on a.snapshot_hash = r.snapshot_hash
)
select
    f.relation,
    f.source,
    f.num_claims,
    f.num_used,
    f.num_contradicted,
    f.num_outdated,
    f.num_held_back,
    f.num_used / nullif(f.num_used + f.num_contradicted + f.num_held_back, 0) as used_share,
    f.authority,
    l.accuracy,
    l.copy_group
from fates as f
left join learned as l on f.relation = l.relation and f.source = l.source
order by f.relation, f.source
