-- Keep the accuracies of the last state where nothing was estimated anew, for every relation that is
-- still decided by truth, also where none of its claims is valid now.
-- grain: one row per (relation, source) that the new state has none of yet
-- params: $snapshot_hash, $now
-- reads: reconciled (the last one), rules
insert into source_accuracies
with default_rule as (
    select r.criteria
    from rules as r
    where r.relation is null
)
select
    $snapshot_hash as snapshot_hash,
    a.relation,
    a.source,
    a.accuracy,
    a.num_claims,
    a.copy_group,
    $now as recorded_at
from source_accuracies as a
inner join reconciled as l on a.snapshot_hash = l.snapshot_hash
left join rules as r on a.relation = r.relation
cross join default_rule as d
anti join (
    select
        s.relation,
        s.source
    from source_accuracies as s
    where s.snapshot_hash = $snapshot_hash
) as k on a.relation = k.relation and a.source = k.source
where list_contains(coalesce(r.criteria, d.criteria), 'truth')
order by a.relation, a.source
