-- The slots that a claim known at the moment looked back to is about.
-- grain: none (a definition)
create or replace temp view known_slots as
select s.*
from slots as s
where s.fact_id in (select c.fact_id from known_claims as c)
