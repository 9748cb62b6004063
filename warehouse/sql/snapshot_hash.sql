-- Fingerprint of everything decided: facts, claims with status, reason and files, quarantine, ties.
-- grain: one row
-- params: $facts_sum, $claims_sum, $origins_sum
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
