-- fail: used claims that no fact names as support, or facts supported by a claim that is not used.
-- grain: one row per offending claim_id
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
