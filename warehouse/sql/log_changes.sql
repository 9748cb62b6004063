-- Keep the changes under the snapshot that brought them.
-- grain: one row per added, changed or retired fact_id
-- params: $snapshot_hash, $now
insert into change_log
select
    $snapshot_hash as snapshot_hash,
    c.fact_id,
    c.op,
    c.old_answer,
    c.new_answer,
    $now as recorded_at
from new_changes as c
order by c.fact_id
