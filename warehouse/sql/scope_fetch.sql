-- Fetch the claims of the slots added in a round.
-- grain: one row per claim_no
-- params: $round
insert into fetched_claims
select c.*
from known_claims as c
semi join (select s.fact_id from changed_slots as s where s.round = $round) as n
    on c.fact_id = n.fact_id
