-- name: batch_last
-- The present state of a source: its latest batch.
-- grain: at most one row
-- params: $source
select b.*
from batches as b
where b.source = $source
order by b.number desc
limit 1

-- name: batch_record
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

-- name: batch_source
-- The source that a content was taken in from.
-- grain: at most one row
-- params: $content_hash
select i.source
from ingests as i
where i.content_hash = $content_hash

-- name: source_states
-- Where each source stands that was ever taken in.
-- grain: one row per source
with latest as (
    select b.*
    from batches as b
    qualify b.number = max(b.number) over (partition by b.source)
),
taken as (
    select
        i.source,
        sum(i.num_rows)::bigint as num_rows
    from ingests as i
    group by i.source
),
refused as (
    select
        i.source,
        count(*) as num_quarantined
    from quarantine as q
    inner join ingests as i on q.content_hash = i.content_hash
    where q.replayed_at is null
    group by i.source
)
select
    l.source,
    l.recorded_at as last_ingest,
    t.num_rows,
    coalesce(r.num_quarantined, 0) as num_quarantined,
    l.watermark,
    l.warnings
from latest as l
left join taken as t on l.source = t.source
left join refused as r on l.source = r.source
order by l.source
