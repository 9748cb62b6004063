-- name: reconcile_counts
-- How many input rows ended in each status: the two sides of I8.
-- grain: one row per status
-- reads: known_claims, known_origins, known_quarantine
with duplicates as (
    select (select count(*) from known_origins) - (select count(*) from known_claims) as num_rows
),
counted as (
    select
        d.status,
        count(*) as num_rows
    from decisions as d
    where d.recorded_to is null
    group by d.status
    union all
    select 'duplicate' as status, u.num_rows from duplicates as u
    union all
    select 'quarantined' as status, count(*) as num_rows from known_quarantine
)
select
    c.status,
    c.num_rows
from counted as c
order by c.status

-- name: reconcile_totals
-- The figures of the last reconcile that are not statuses.
-- grain: one row
-- reads: known_slots
select
    r.snapshot_hash,
    r.training_hash,
    r.as_of,
    r.num_input_rows,
    r.num_conflicts_resolved,
    r.num_ambiguous_prompts,
    (select count(*) from conflicts) as num_ties,
    (select count(*) from known_slots) as num_slots,
    (select count(*) from facts as f where f.recorded_to is null) as num_facts
from reconciled as r
where r.is_current

-- name: snapshot_published
-- Record that a snapshot was published, once.
-- grain: at most one row changed
-- params: $snapshot_hash, $now
update snapshots
set published_at = $now
where snapshot_hash = $snapshot_hash and published_at is null
