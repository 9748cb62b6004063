-- fail: judged claims without exactly one decision, with an unknown status, or without a reason (I8).
-- grain: one row per offending claim_id
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
