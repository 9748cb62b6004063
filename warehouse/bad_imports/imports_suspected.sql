-- The claims of the suspected statements, with the reason.
-- grain: one row per claim_id
-- reads: scoped_claims, suspected
create or replace temp table newly_suspected as
select
    c.claim_id,
    any_value(c.fact_id) as fact_id,
    any_value(c.relation) as relation,
    min(s.reason) as reason
from scoped_claims as c
inner join suspected as s
    on c.source = s.source and c.fact_id = s.fact_id and c.observed_at = s.observed_at
group by c.claim_id
