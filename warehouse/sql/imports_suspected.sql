-- The claims of the suspected statements, with the reason.
-- grain: one row per claim_id
-- reads: placed, scoped_claims, suspected
create or replace temp table newly_suspected as
with found as (
    select
        p.claim_no,
        min(s.reason) as reason
    from placed as p
    inner join suspected as s
        on p.source = s.source and p.fact_id = s.fact_id and p.observed_at = s.observed_at
    group by p.claim_no
)
select
    c.claim_id,
    c.fact_id,
    c.relation,
    f.reason
from found as f
inner join scoped_claims as c on f.claim_no = c.claim_no
