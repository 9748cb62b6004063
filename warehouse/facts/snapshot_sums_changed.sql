-- The sums of snapshot_sums.sql after a part was judged again: those of the last reconcile, without
-- what the part had, with what it has. Origins are only ever appended.
-- grain: one row
-- reads: reconciled (the last one), facts_before, decisions_before, new_facts, new_decisions
with facts_part as (
    select
        sum(text_number(f.fact_hash)) as facts_sum,
        sum(text_number(f.training_hash)) as training_sum
    from new_facts as f
),
old_facts_part as (
    select
        sum(text_number(f.fact_hash)) as facts_sum,
        sum(text_number(f.training_hash)) as training_sum
    from facts_before as f
),
claims_part as (
    select sum(text_number(d.claim_id || d.status || ' ' || d.reason)) as claims_sum
    from new_decisions as d
),
old_claims_part as (
    select sum(text_number(d.claim_id || d.status || ' ' || d.reason)) as claims_sum
    from decisions_before as d
),
origins_part as (
    select sum(text_number(o.claim_id || ' ' || o.file)) as origins_sum
    from origins as o
    where o.rowid >= (select r.num_origins from reconciled as r)
)
select
    (r.facts_sum - coalesce(g.facts_sum, 0) + coalesce(f.facts_sum, 0))::hugeint as facts_sum,
    (r.training_sum - coalesce(g.training_sum, 0) + coalesce(f.training_sum, 0))::hugeint
        as training_sum,
    (r.claims_sum - coalesce(b.claims_sum, 0) + coalesce(c.claims_sum, 0))::hugeint as claims_sum,
    (r.origins_sum + coalesce(o.origins_sum, 0))::hugeint as origins_sum
from reconciled as r
cross join facts_part as f
cross join old_facts_part as g
cross join claims_part as c
cross join old_claims_part as b
cross join origins_part as o
