-- The claims to be judged with the rule of their relation, and the key of their value where it needs no
-- thought.
-- grain: one row per claim_no
-- reads: rules (one row per relation, null for all others), scoped_claims
create or replace temp view ruled_claims as
with default_rule as (
    select r.*
    from rules as r
    where r.relation is null
)
select
    c.*,
    coalesce(r.rule_id, d.rule_id) as rule_id,
    coalesce(r.slot, d.slot) as slot_kind,
    fast_key(coalesce(r.kind, d.kind), c.value) as fast_key
from scoped_claims as c
left join rules as r on c.relation = r.relation
cross join default_rule as d
