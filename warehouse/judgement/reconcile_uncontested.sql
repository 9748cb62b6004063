-- What became of the values that nothing contests; those of contested slots are added to them.
-- grain: one row per (slot, key_hash)
-- reads: claimed_values
create or replace temp table ranked_values as
select
    c.slot,
    c.key_hash,
    c.rule_id,
    c.num_values,
    c.probability,
    c.outcome,
    null::integer as strength,
    null::bigint as num_sources,
    null::double as truth,
    null::bigint as rank,
    null::ubigint as leader_hash
from claimed_values as c
where c.outcome is not null
