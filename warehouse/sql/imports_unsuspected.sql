-- No claim is suspected.
-- grain: none
create or replace temp table newly_suspected as
select s.*
from suspected_claims as s
where false
