-- The parts of the fingerprints that are sums over facts and claims, so that they depend on no order.
-- Neither times of recording nor row numbers nor the as-of date count.
-- grain: one row
with facts_part as (
    select
        coalesce(sum(text_number(f.fact_hash)), 0)::hugeint as facts_sum,
        coalesce(sum(text_number(f.training_hash)), 0)::hugeint as training_sum
    from facts as f
    where f.recorded_to is null
),
claims_part as (
    select
        coalesce(sum(text_number(d.claim_id || d.status || ' ' || d.reason)), 0)::hugeint
            as claims_sum
    from decisions as d
    where d.recorded_to is null
),
origins_part as (
    select
        coalesce(sum(text_number(o.claim_id || ' ' || o.file)), 0)::hugeint as origins_sum
    from known_origins as o
)
select
    f.facts_sum,
    f.training_sum,
    c.claims_sum,
    o.origins_sum
from facts_part as f
cross join claims_part as c
cross join origins_part as o
