-- name: extract_record
-- Record what a full extract changes; later than any earlier word on the same claim.
-- grain: one row per claim_id whose standing changes
-- params: $source, $file, $now
-- reads: extract_changes
insert into retractions by name
select
    x.claim_id,
    case when x.withdrawn then 'no longer in ' else 'again in ' end || $file as reason,
    greatest($now::timestamp, x.latest_at + interval 1 microsecond) as recorded_at,
    x.withdrawn,
    $source as source
from extract_changes as x
returning withdrawn
