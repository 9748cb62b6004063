-- Every claim known is judged.
-- grain: one row per claim_id
create or replace temp view scoped_claims as
select c.*
from known_claims as c
