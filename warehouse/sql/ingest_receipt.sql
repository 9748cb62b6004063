-- What became of a batch taken in; no row if it never was.
-- grain: at most one row
-- params: $content_hash
select
    i.num_rows,
    i.num_accepted,
    i.num_duplicates,
    i.num_quarantined
from ingests as i
where i.content_hash = $content_hash
