-- The claims to be judged are those that were fetched.
-- grain: one row per claim_id
create or replace temp view scoped_claims as
select c.*
from fetched_claims as c
