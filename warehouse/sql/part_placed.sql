-- Where the claims of one part stand before anything competes.
-- grain: one row per claim_no
-- params: $part, $num_parts
select p.*
from placed as p
where p.slot % $num_parts::ubigint = $part::ubigint
order by p.claim_no
