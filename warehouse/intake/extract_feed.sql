-- What a change feed changes: the claims of rows deleted since, to be withdrawn, and those withdrawn
-- before whose rows came back, to be lifted. A claim that another source still asserts stays.
-- grain: one row per claim_id whose standing changes
-- params: $source, $content_hash (of the rows that came)
-- reads: judged_rows (the deleted rows)
create or replace temp table extract_changes as
with present_batches as (
    select b.source, b.content_hash, b.extract
    from batches as b
    qualify b.number = max(b.number) over (partition by b.source)
),
present as (
    select distinct o.claim_id
    from origins as o
    where o.content_hash = $content_hash
),
gone as (
    select distinct j.claim_id
    from judged_rows as j
    anti join present as p on j.claim_id = p.claim_id
    where j.verdict is null
),
elsewhere as (
    select distinct o.claim_id
    from origins as o
    inner join gone as g on o.claim_id = g.claim_id
    inner join ingests as i on o.content_hash = i.content_hash
    left join present_batches as b on i.source = b.source
    where i.source <> $source
        and (b.extract is distinct from 'full' or o.content_hash = b.content_hash)
),
latest as (
    select
        r.claim_id,
        max_by({'withdrawn': r.withdrawn, 'source': r.source}, r.recorded_at) as word,
        max(r.recorded_at) as recorded_at
    from retractions as r
    group by r.claim_id
),
spoken_of as (
    select g.claim_id, true as is_gone
    from gone as g
    anti join elsewhere as e on g.claim_id = e.claim_id
    union all
    select p.claim_id, false as is_gone
    from present as p
)
select
    s.claim_id,
    s.is_gone as withdrawn,
    l.recorded_at as latest_at
from spoken_of as s
inner join claims as c on s.claim_id = c.claim_id
left join latest as l on s.claim_id = l.claim_id
where (s.is_gone and not coalesce(l.word.withdrawn, false))
    or (not s.is_gone and coalesce(l.word.withdrawn, false) and l.word.source is not null)
