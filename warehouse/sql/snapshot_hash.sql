-- Fingerprint of everything decided: facts, claims with status, reason and files, quarantine, ties.
-- Neither times of recording nor row numbers nor the as-of date count.
-- grain: one row
with facts_part as (
    select string_agg(f.fact_hash, '' order by f.fact_id) as part
    from facts as f
    where f.recorded_to is null
),
files as (
    select
        o.claim_id,
        list_sort(list(o.file)) as files
    from origins as o
    group by o.claim_id
),
claims_part as (
    select
        string_agg(
            sha256(d.claim_id || d.status || ' ' || d.reason || to_json(o.files)::varchar), ''
            order by d.claim_id
        ) as part
    from decisions as d
    inner join files as o on d.claim_id = o.claim_id
    where d.recorded_to is null
),
quarantine_rows as (
    select sha256(to_json([q.source, q.file, q.field, q.reason])::varchar || q.raw) as part
    from quarantine as q
),
quarantine_part as (
    select string_agg(q.part, '' order by q.part) as part
    from quarantine_rows as q
),
conflicts_part as (
    select
        string_agg(c.fact_id || to_json(c.claim_ids)::varchar, '' order by c.fact_id) as part
    from conflicts as c
)
select
    sha256(
        to_json([
            sha256(coalesce(f.part, '')),
            sha256(coalesce(c.part, '')),
            sha256(coalesce(q.part, '')),
            sha256(coalesce(x.part, ''))
        ])::varchar
    ) as snapshot_hash
from facts_part as f
cross join claims_part as c
cross join quarantine_part as q
cross join conflicts_part as x
