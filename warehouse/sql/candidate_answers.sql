-- The distinct answers whose tokens are to be counted.
-- grain: one row per answer
select distinct c.answer
from candidates as c
order by c.answer
