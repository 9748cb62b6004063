-- name: snapshot_hash
-- Fingerprint of everything decided: facts, claims with status, reason and files, quarantine, ties.
-- grain: one row
-- params: $facts_sum, $claims_sum, $origins_sum
-- reads: known_quarantine
with quarantine_part as (
    select
        coalesce(
            sum(
                text_number(
                    to_json([q.source, q.file, q.field, q.reason])::varchar || q.raw
                )
            ),
            0
        ) as quarantine_sum
    from known_quarantine as q
),
conflicts_part as (
    select
        coalesce(sum(text_number(c.fact_id || to_json(c.claim_ids)::varchar)), 0)
            as conflicts_sum
    from conflicts as c
)
select
    sha256(
        to_json([
            $facts_sum::varchar, $claims_sum::varchar, $origins_sum::varchar,
            q.quarantine_sum::varchar, x.conflicts_sum::varchar
        ])::varchar
    ) as snapshot_hash
from quarantine_part as q
cross join conflicts_part as x

-- name: snapshot_sums
-- The parts of the fingerprints that are sums over facts and claims, so that they depend on no order.
-- Neither times of recording nor row numbers nor the as-of date count.
-- grain: one row
-- reads: known_origins
with facts_part as (
    select
        coalesce(sum(text_number(f.fact_hash)), 0)::hugeint as facts_sum,
        coalesce(sum(text_number(f.training_hash)), 0)::hugeint as training_sum
    from facts as f
    where f.recorded_to is null
),
claims_part as (
    select
        coalesce(sum(text_number(d.claim_id || d.status || ' ' || d.reason)), 0)::hugeint
            as claims_sum
    from decisions as d
    where d.recorded_to is null
),
origins_part as (
    select
        coalesce(sum(text_number(o.claim_id || ' ' || o.file)), 0)::hugeint as origins_sum
    from known_origins as o
)
select
    f.facts_sum,
    f.training_sum,
    c.claims_sum,
    o.origins_sum
from facts_part as f
cross join claims_part as c
cross join origins_part as o

-- name: training_hash
-- Fingerprint of all that is trained: fact, prompts and answer.
-- grain: one row
-- params: $training_sum
select sha256($training_sum::varchar) as training_hash
