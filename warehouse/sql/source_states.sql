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
