-- name: retract_like
-- The claims about a slot, if wanted only of one source or one value.
-- grain: one row per claim_id
-- params: $subject, $relation, $source, $value
select c.claim_id
from claims as c
where c.fact_id = slot_id($subject, $relation)
    and ($source::varchar is null or c.source = $source)
    and ($value::varchar is null or c.value = $value)
order by c.claim_id

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
