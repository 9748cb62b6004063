-- What a full extract changes: the claims of the source that it no longer asserts, to be withdrawn,
-- and those withdrawn for that reason that it asserts again, to be lifted.
-- A claim that another source still asserts stays, and so does one whose slot has a row of this
-- extract in quarantine: the source speaks of it, though nobody can read what it says.
-- grain: one row per claim_id whose standing changes
-- params: $source, $content_hash (of the present extract)
create or replace temp table extract_changes as
with present_batches as (
    select b.source, b.content_hash, b.extract
    from batches as b
    qualify b.number = max(b.number) over (partition by b.source)
),
asserted as (
    select distinct
        o.claim_id,
        i.source,
        o.content_hash
    from origins as o
    inner join ingests as i on o.content_hash = i.content_hash
),
present as (
    select distinct a.claim_id
    from asserted as a
    where a.content_hash = $content_hash
),
elsewhere as (
    select distinct a.claim_id
    from asserted as a
    left join present_batches as b on a.source = b.source
    where a.source <> $source
        and (b.extract is distinct from 'full' or a.content_hash = b.content_hash)
),
unreadable as (
    select distinct q.fact_id
    from quarantine as q
    where q.content_hash = $content_hash and q.replayed_at is null and q.fact_id is not null
),
latest as (
    select
        r.claim_id,
        max_by({'withdrawn': r.withdrawn, 'source': r.source}, r.recorded_at) as word,
        max(r.recorded_at) as recorded_at
    from retractions as r
    group by r.claim_id
),
known as (
    select
        a.claim_id,
        coalesce(l.word.withdrawn, false) as withdrawn,
        l.word.source is not null as by_extract,
        l.recorded_at
    from (select distinct a.claim_id from asserted as a where a.source = $source) as a
    left join latest as l on a.claim_id = l.claim_id
)
select
    k.claim_id,
    p.claim_id is null as withdrawn,
    k.recorded_at as latest_at
from known as k
inner join claims as c on k.claim_id = c.claim_id
left join present as p on k.claim_id = p.claim_id
left join elsewhere as e on k.claim_id = e.claim_id
left join unreadable as u on c.fact_id = u.fact_id
where (
    p.claim_id is null and not k.withdrawn and e.claim_id is null and u.fact_id is null
)
or (p.claim_id is not null and k.withdrawn and k.by_extract)
