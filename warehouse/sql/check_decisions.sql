-- fail: claims without exactly one decision, with an unknown status, or without a reason (I8).
-- grain: one row per offending claim_id
with current_decisions as (
    select d.*
    from decisions as d
    where d.recorded_to is null
)
select
    c.claim_id as offender,
    count(d.claim_id) || ' decisions: ' || coalesce(min(d.status), 'none') as detail
from known_claims as c
left join current_decisions as d on c.claim_id = d.claim_id
group by c.claim_id
having count(*) <> 1
    or count(d.reason) <> 1
    or min(d.status) not in (
        'used', 'contradicted', 'outdated', 'not_yet_valid', 'retracted', 'held_back',
        'forgotten'
    )
order by c.claim_id
