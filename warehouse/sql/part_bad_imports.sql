-- What is held back among the claims of one part.
-- grain: one row per claim_no
-- params: $part, $num_parts
select b.*
from bad_imports as b
semi join (
    select p.claim_no
    from placed as p
    where p.slot % $num_parts::ubigint = $part::ubigint
) as own on b.claim_no = own.claim_no
order by b.claim_no
