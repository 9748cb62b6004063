-- Keep that a run was judged.
-- grain: one row
-- params: $run_key, $mode, $base, $snapshot_hash, $as_of, $passed, $measured_at
insert into evaluations by name
select
    $run_key as run_key,
    $mode as mode,
    $base as base,
    $snapshot_hash as snapshot_hash,
    cast($as_of as date) as as_of,
    $passed as passed,
    cast($measured_at as timestamp) as measured_at
