-- Keep how often each source is right under the state that it belongs to, once.
-- grain: one row per (relation, source)
-- params: $snapshot_hash, $now
insert into source_accuracies
select
    $snapshot_hash as snapshot_hash,
    a.relation,
    a.source,
    a.accuracy,
    a.num_claims,
    a.copy_group,
    $now as recorded_at
from new_accuracies as a
where not exists (
    select 1
    from source_accuracies as s
    where s.snapshot_hash = $snapshot_hash
)
order by a.relation, a.source
