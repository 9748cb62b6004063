-- name: retract_record
-- Record withdrawals by a person, once for each claim; what a full extract withdrew before is
-- withdrawn again, so that its return does not lift it.
-- grain: one row per newly withdrawn claim_id
-- params: $claim_ids, $reason, $now
insert into retractions by name
with latest as (
    select
        r.claim_id,
        max_by({'withdrawn': r.withdrawn, 'source': r.source}, r.recorded_at) as word,
        max(r.recorded_at) as recorded_at
    from retractions as r
    group by r.claim_id
)
select distinct
    g.claim_id,
    $reason as reason,
    greatest($now::timestamp, l.recorded_at + interval 1 microsecond) as recorded_at,
    true as withdrawn,
    cast(null as varchar) as source
from (select unnest($claim_ids::varchar[]) as claim_id) as g
left join latest as l on g.claim_id = l.claim_id
where l.claim_id is null or not l.word.withdrawn or l.word.source is not null
returning claim_id

-- name: retract_unknown
-- Claims to withdraw that do not exist.
-- grain: one row per unknown claim_id
-- params: $claim_ids
select g.claim_id
from (select unnest($claim_ids::varchar[]) as claim_id) as g
anti join claims as c on g.claim_id = c.claim_id
order by g.claim_id
