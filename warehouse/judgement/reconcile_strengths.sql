-- The claims' authorities and dates in their order, so that the strongest is found by one number.
-- grain: one row per (authority, since, observed_on)
-- reads: placed
create or replace temp table strengths as
with distinct_ones as (
    select distinct
        p.authority,
        p.since,
        p.observed_on
    from placed as p
)
select
    d.*,
    row_number() over (order by d.authority, d.since, d.observed_on)::integer as strength
from distinct_ones as d
