-- Keep the snapshot in the list, once.
-- grain: at most one row added
-- params: $now
insert into snapshots
select
    r.snapshot_hash,
    r.training_hash,
    (select count(*) from known_slots) as num_slots,
    (select count(*) from facts as f where f.recorded_to is null) as num_facts,
    $now as recorded_at,
    null as published_at
from reconciled as r
anti join snapshots as s on r.snapshot_hash = s.snapshot_hash
