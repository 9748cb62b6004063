-- The competing values of each slot, ranked by the criteria of its relation's rule.
-- The rank of a contested value is a list of numbers, compared from the left: authority (the highest
-- among the value's claims), recency (the latest date among the claims of that authority, as a day
-- number; in time-varying slots the date from which it holds, then that of the observation),
-- agreement (how many sources say so), truth (its probability), in the order of the rule.
-- grain: one row per (fact_id, value_key)
-- reads: standings, rules, probabilities
create or replace temp table ranked_values as
with values_of_slots as (
    select
        s.fact_id,
        s.value_key,
        any_value(s.rule_id) as rule_id,
        any_value(s.slot) as slot,
        max({'authority': s.authority, 'since': s.since, 'observed_on': s.observed_on}) as best,
        count(distinct s.source) as num_sources,
        min(s.valid_from) as valid_from,
        case when bool_or(s.valid_to is null) then null else max(s.valid_to) end as valid_to,
        min(s.source) as first_source
    from standings as s
    where s.standing = 'valid'
    group by s.fact_id, s.value_key
),
counted as (
    select
        v.*,
        p.probability,
        count(*) over (partition by v.fact_id) as num_values
    from values_of_slots as v
    left join probabilities as p on v.fact_id = p.fact_id and v.value_key = p.value_key
),
ranked as (
    select
        v.*,
        r.criteria,
        list_transform(
            r.criteria,
            lambda c: case c
                when 'authority' then v.best.authority
                when 'recency'
                    then datediff('day', date '0001-01-01', v.best.since)
                        + datediff('day', date '0001-01-01', v.best.observed_on) / 1e7
                when 'agreement' then v.num_sources::double
                when 'truth' then coalesce(v.probability, 0)
            end
        ) as rank
    from counted as v
    inner join rules as r on v.rule_id = r.rule_id
    where v.num_values > 1 and v.slot <> 'multi_valued'
),
contests as (
    select
        r.fact_id,
        max(r.rank) as best_rank
    from ranked as r
    group by r.fact_id
),
leaders as (
    select
        r.fact_id,
        count(*) as num_leaders,
        min(r.value_key) as leader_key,
        first(r.first_source order by r.value_key) as leader_source
    from ranked as r
    inner join contests as c on r.fact_id = c.fact_id and r.rank = c.best_rank
    group by r.fact_id
),
placed_values as (
    select
        r.*,
        case
            when r.rank < c.best_rank then 'beaten'
            when l.num_leaders > 1 then 'tie'
            else 'winner'
        end as outcome,
        case
            when r.rank < c.best_rank
                then list_filter(
                    range(1, len(r.rank) + 1), lambda i: r.rank[i] <> c.best_rank[i]
                )[1]
        end as lost_index,
        c.best_rank,
        l.leader_key,
        l.leader_source
    from ranked as r
    inner join contests as c on r.fact_id = c.fact_id
    inner join leaders as l on r.fact_id = l.fact_id
)
select
    p.*,
    p.criteria[p.lost_index] as lost_on,
    p.rank[p.lost_index] as had,
    p.best_rank[p.lost_index] as needed
from placed_values as p
union all by name
select
    v.*,
    case when v.slot = 'multi_valued' then 'member' else 'winner' end as outcome
from counted as v
where v.num_values = 1 or v.slot = 'multi_valued'
