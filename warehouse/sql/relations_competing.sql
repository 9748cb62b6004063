-- The relations that have a slot with several valid values.
-- grain: one row per relation
-- reads: standings, scoped_claims
select distinct c.relation
from standings as s
inner join scoped_claims as c on s.claim_no = c.claim_no
where s.standing = 'valid'
order by c.relation
