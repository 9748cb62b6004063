-- The claims of the slots of one part, as other processes need them.
-- grain: one row per claim_no
-- params: $part, $num_parts
select c.*
from scoped_claims as c
where ('0x' || c.fact_id)::ubigint % $num_parts::ubigint = $part::ubigint
order by c.claim_no
