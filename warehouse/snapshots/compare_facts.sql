-- The facts that differ between two snapshots, each with why: the claim that now decides, and what
-- became of the one that decided before.
-- grain: one row per added, changed or retired fact_id
-- reads: old_facts, new_facts, old_claims, new_claims
with differing as (
    select
        coalesce(n.fact_id, o.fact_id) as fact_id,
        coalesce(n.subject, o.subject) as subject,
        coalesce(n.relation, o.relation) as relation,
        case
            when o.fact_id is null then 'added'
            when n.fact_id is null then 'retired'
            else 'changed'
        end as op,
        o.answer as old_answer,
        n.answer as new_answer,
        o.probability as old_probability,
        n.probability as new_probability
    from old_facts as o
    full outer join new_facts as n on o.fact_id = n.fact_id
    where o.answer is distinct from n.answer or o.prompts is distinct from n.prompts
),
old_deciding as (
    select c.*
    from old_claims as c
    semi join differing as d on c.fact_id = d.fact_id
    where c.status = 'used'
    qualify row_number() over (
        partition by c.fact_id
        order by c.authority desc, c.observed_at desc nulls last, c.claim_id
    ) = 1
),
new_deciding as (
    select c.*
    from new_claims as c
    semi join differing as d on c.fact_id = d.fact_id
    where c.status = 'used'
    qualify row_number() over (
        partition by c.fact_id
        order by c.authority desc, c.observed_at desc nulls last, c.claim_id
    ) = 1
),
fates as (
    select
        o.fact_id,
        o.source,
        case
            when n.claim_id is null then 'gone'
            else n.status || ': ' || n.reason
        end as fate
    from old_deciding as o
    left join new_claims as n on o.claim_id = n.claim_id
)
select
    d.fact_id,
    d.subject,
    d.relation,
    d.op,
    d.old_answer,
    d.new_answer,
    d.old_probability,
    d.new_probability,
    w.source as new_source,
    case
        when d.op = 'changed' and d.old_answer = d.new_answer then 'only its phrasings changed'
        else w.reason
    end as new_reason,
    b.status || ': ' || b.reason as new_claim_before,
    f.source as old_source,
    f.fate as old_claim_now
from differing as d
left join new_deciding as w on d.fact_id = w.fact_id
left join old_claims as b on w.claim_id = b.claim_id
left join fates as f on d.fact_id = f.fact_id
order by d.op, d.subject, d.relation, d.fact_id
