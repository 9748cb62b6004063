-- An empty table for the claims to be judged.
-- grain: none
create or replace temp table fetched_claims as
select c.*
from known_claims as c
where false
