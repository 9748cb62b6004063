-- Say which snapshot the tables now hold.
-- grain: one row added
-- params: $snapshot_hash, $training_hash, $as_of, $now, $facts_sum, $training_sum, $claims_sum,
--   $origins_sum, $settings, $rules, $num_conflicts_elsewhere (in slots that were not judged)
-- reads: known_ingests, new_facts, ranked_values
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
    $num_conflicts_elsewhere + r.num_conflicts_resolved as num_conflicts_resolved,
    (select coalesce(sum(a.num_prompts), 0) from ambiguous_prompts as a) as num_ambiguous_prompts,
    $now as recorded_at,
    $facts_sum as facts_sum,
    $training_sum as training_sum,
    $claims_sum as claims_sum,
    $origins_sum as origins_sum,
    true as is_current,
    $settings as settings,
    $rules as rules,
    (select count(*) from claims) as num_claims,
    (select count(*) from origins) as num_origins,
    (select count(*) from retractions) as num_retractions
from resolved as r
cross join taken as t
