-- The present state of a source: its latest batch.
-- grain: at most one row
-- params: $source
select b.*
from batches as b
where b.source = $source
order by b.number desc
limit 1
