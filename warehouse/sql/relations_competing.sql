-- The relations that have a slot with several valid values.
-- grain: one row per relation
-- reads: standings
select distinct s.relation
from standings as s
where s.standing = 'valid'
order by s.relation
