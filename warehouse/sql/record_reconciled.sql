-- Say which snapshot the tables now hold.
-- grain: one row added
-- params: $snapshot_hash, $training_hash, $as_of, $now, $facts_sum, $training_sum, $claims_sum, $origins_sum
insert into reconciled
with resolved as (
    select count(distinct v.slot) as num_conflicts_resolved
    from ranked_values as v
    inner join new_facts as f on v.slot = f.slot
    where v.outcome = 'beaten'
),
taken as (
    select coalesce(sum(i.num_rows), 0)::bigint as num_input_rows
    from known_ingests as i
)
select
    $snapshot_hash as snapshot_hash,
    $training_hash as training_hash,
    $as_of as as_of,
    t.num_input_rows,
    r.num_conflicts_resolved,
    (select coalesce(sum(len(a.prompts)), 0) from ambiguous as a) as num_ambiguous_prompts,
    $now as recorded_at,
    $facts_sum as facts_sum,
    $training_sum as training_sum,
    $claims_sum as claims_sum,
    $origins_sum as origins_sum
from resolved as r
cross join taken as t
