-- The source that a content was taken in from.
-- grain: at most one row
-- params: $content_hash
select i.source
from ingests as i
where i.content_hash = $content_hash
