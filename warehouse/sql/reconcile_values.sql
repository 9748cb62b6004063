-- The competing values of each slot, ranked by the policy.
-- The rank is a list of three numbers, compared from the left: authority (the highest among the
-- value's claims), recency (the latest observation among the claims of that authority, as a day
-- number), agreement (how many sources say so), in the order that $criteria names them.
-- grain: one row per (fact_id, value)
-- params: $criteria
create or replace temp table ranked_values as
with values_of_slots as (
    select
        s.fact_id,
        s.value,
        any_value(s.multi_valued) as multi_valued,
        max({'authority': s.authority, 'observed_on': s.observed_on}) as best,
        count(distinct s.source) as num_sources,
        min(s.valid_from) as valid_from,
        case when bool_or(s.valid_to is null) then null else max(s.valid_to) end as valid_to,
        min(s.source) as first_source
    from standings as s
    where s.standing = 'valid'
    group by s.fact_id, s.value
),
ranked as (
    select
        v.*,
        list_transform(
            $criteria::varchar[],
            lambda c: case c
                when 'authority' then v.best.authority
                when 'recency' then datediff('day', date '0001-01-01', v.best.observed_on)::double
                when 'agreement' then v.num_sources::double
            end
        ) as rank
    from values_of_slots as v
),
contests as (
    select
        r.fact_id,
        count(*) as num_values,
        max(r.rank) as best_rank
    from ranked as r
    group by r.fact_id
),
leaders as (
    select
        r.fact_id,
        count(*) as num_leaders,
        min(r.value) as leader,
        first(r.first_source order by r.value) as leader_source
    from ranked as r
    inner join contests as c on r.fact_id = c.fact_id and r.rank = c.best_rank
    group by r.fact_id
)
select
    r.fact_id,
    r.value,
    r.multi_valued,
    r.valid_from,
    r.valid_to,
    c.num_values,
    case
        when r.multi_valued then 'member'
        when r.rank < c.best_rank then 'beaten'
        when l.num_leaders > 1 then 'tie'
        else 'winner'
    end as outcome,
    r.rank,
    c.best_rank,
    l.leader,
    l.leader_source
from ranked as r
inner join contests as c on r.fact_id = c.fact_id
inner join leaders as l on r.fact_id = l.fact_id
