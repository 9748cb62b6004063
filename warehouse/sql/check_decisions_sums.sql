-- fail: judged claims and their decisions that are not the same claims, or decisions that say too
-- little; check_decisions.sql finds which. Sums of hashes are compared, which takes no join.
-- grain: one row if they differ
with claims_part as (
    select
        count(*) as num_claims,
        sum(hash(c.claim_id)::hugeint) as claims_sum
    from scoped_claims as c
),
decisions_part as (
    select
        count(*) as num_decisions,
        sum(hash(d.claim_id)::hugeint) as decisions_sum,
        count(*) filter (
            d.reason is null
            or d.status not in (
                'used', 'contradicted', 'outdated', 'not_yet_valid', 'retracted', 'held_back',
                'forgotten'
            )
        ) as num_poor
    from judged_decisions as d
)
select
    'all claims' as offender,
    c.num_claims || ' judged, ' || d.num_decisions || ' decisions, ' || d.num_poor
    || ' without status or reason' as detail
from claims_part as c
cross join decisions_part as d
where c.num_claims <> d.num_decisions
    or c.claims_sum is distinct from d.decisions_sum
    or d.num_poor > 0
