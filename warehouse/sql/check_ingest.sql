-- fail: a batch of which some row is neither a claim, nor a duplicate, nor in quarantine.
-- grain: one row per offending batch
-- params: $content_hash
select
    i.num_rows,
    i.num_accepted,
    i.num_duplicates,
    i.num_quarantined
from ingests as i
where i.content_hash = $content_hash
    and i.num_rows <> i.num_accepted + i.num_duplicates + i.num_quarantined
