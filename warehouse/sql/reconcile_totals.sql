-- The figures of the last reconcile that are not statuses.
-- grain: one row
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
