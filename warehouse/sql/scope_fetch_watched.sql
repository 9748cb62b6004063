-- Fetch the claims of the slots that are watched for bad imports.
-- grain: one row per claim_no
-- reads: watched_slots
create or replace temp table fetched_claims as
select c.*
from known_claims as c
semi join watched_slots as n on c.fact_id = n.fact_id
