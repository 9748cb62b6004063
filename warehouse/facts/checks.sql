-- name: check_accounting
-- fail: input rows that no status accounts for (I8). A quarantined row that was put right and taken
-- in counts as its claim.
-- grain: one row if the sums differ
-- reads: known_claims, known_ingests, known_origins, known_quarantine
with taken as (
    select coalesce(sum(i.num_rows), 0)::bigint as num_input_rows
    from known_ingests as i
),
accounted as (
    select
        (select count(*) from decisions as d where d.recorded_to is null)
        + (select count(*) from known_origins) - (select count(*) from known_claims)
        + (select count(*) from known_quarantine) as num_accounted
)
select
    'all input' as offender,
    t.num_input_rows || ' rows came in, ' || a.num_accounted || ' are accounted for' as detail
from taken as t
cross join accounted as a
where t.num_input_rows <> a.num_accounted

-- name: check_decisions
-- fail: judged claims without exactly one decision, with an unknown status, or without a reason (I8).
-- grain: one row per offending claim_id
-- reads: judged_decisions, scoped_claims
select
    c.claim_id as offender,
    count(d.claim_id) || ' decisions: ' || coalesce(min(d.status), 'none') as detail
from scoped_claims as c
left join judged_decisions as d on c.claim_id = d.claim_id
group by c.claim_id
having count(*) <> 1
    or count(d.reason) <> 1
    or min(d.status) not in (
        'used', 'contradicted', 'outdated', 'not_yet_valid', 'retracted', 'held_back',
        'forgotten'
    )
order by c.claim_id

-- name: check_decisions_sums
-- fail: judged claims and their decisions that are not the same claims, or decisions that say too
-- little; check_decisions.sql finds which. Sums of hashes are compared, which takes no join.
-- grain: one row if they differ
-- reads: judged_decisions, scoped_claims
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

-- name: check_facts
-- fail: used claims that no fact names as support, or facts supported by a claim that is not used.
-- grain: one row per offending claim_id
-- reads: judged_decisions, judged_facts
with supporting as (
    select unnest(f.support) as claim_id
    from judged_facts as f
),
used as (
    select d.claim_id
    from judged_decisions as d
    where d.status = 'used'
)
select
    coalesce(s.claim_id, u.claim_id) as offender,
    case when s.claim_id is null then 'used, but in no fact' else 'in a fact, but not used' end
        as detail
from supporting as s
full outer join used as u on s.claim_id = u.claim_id
where s.claim_id is null or u.claim_id is null
order by offender
