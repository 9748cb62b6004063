-- Record that a source was taken in.
-- grain: one row added
-- params: $source, $content_hash, $extract, $num_source_rows, $watermark_column, $watermark,
--   $version, $warnings, $now
insert into batches
select
    coalesce(max(b.number), 0) + 1 as number,
    $source as source,
    $content_hash as content_hash,
    $extract as extract,
    $num_source_rows as num_source_rows,
    $watermark_column as watermark_column,
    $watermark as watermark,
    $version as version,
    $warnings::varchar[] as warnings,
    $now as recorded_at
from batches as b
