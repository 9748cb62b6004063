-- The competing values of each slot, ranked by the criteria of its relation's rule.
-- The rank of a contested value is a list of numbers, compared from the left: authority (the highest
-- among the value's claims), recency (the latest date among the claims of that authority, as a day
-- number; in time-varying slots the date from which it holds, then that of the observation),
-- agreement (how many sources say so), truth (its probability), in the order of the rule.
-- grain: one row per (slot, key_hash)
-- reads: standings, strengths, rules, probabilities
create or replace temp table ranked_values as
with repeated as (
    select
        s.slot,
        s.key_hash,
        count(*) - 1 as num_repeats
    from standings as s
    where s.standing = 'valid'
    group by s.slot, s.key_hash, s.source_hash
    having count(*) > 1
),
repeats as (
    select
        r.slot,
        r.key_hash,
        sum(r.num_repeats)::bigint as num_repeats
    from repeated as r
    group by r.slot, r.key_hash
),
said as (
    select
        s.slot,
        s.key_hash,
        any_value(s.value_key) as value_key,
        any_value(s.rule_id) as rule_id,
        any_value(s.slot_kind) as slot_kind,
        max(s.strength) as strength,
        count(*) as num_claims,
        min(s.valid_from) as valid_from,
        max(coalesce(s.valid_to, date '9999-12-31')) as valid_to,
        min(s.source) as first_source
    from standings as s
    where s.standing = 'valid'
    group by s.slot, s.key_hash
),
values_of_slots as (
    select
        s.* exclude (num_claims, valid_to),
        s.num_claims - coalesce(r.num_repeats, 0) as num_sources,
        nullif(s.valid_to, date '9999-12-31') as valid_to
    from said as s
    left join repeats as r on s.slot = r.slot and s.key_hash = r.key_hash
),
sizes as (
    select
        v.slot,
        count(*) as num_values
    from values_of_slots as v
    group by v.slot
),
counted as (
    select
        v.*,
        z.num_values,
        p.probability
    from values_of_slots as v
    inner join sizes as z on v.slot = z.slot
    left join probabilities as p on v.slot = p.slot and v.value_key = p.value_key
),
ranked as (
    select
        v.*,
        r.criteria,
        list_transform(
            r.criteria,
            lambda c: case c
                when 'authority' then t.authority
                when 'recency'
                    then datediff('day', date '0001-01-01', t.since)
                        + datediff('day', date '0001-01-01', t.observed_on) / 1e7
                when 'agreement' then v.num_sources::double
                when 'truth' then coalesce(v.probability, 0)
            end
        ) as rank
    from counted as v
    inner join rules as r on v.rule_id = r.rule_id
    inner join strengths as t on v.strength = t.strength
    where v.num_values > 1 and v.slot_kind <> 'multi_valued'
),
contests as (
    select
        r.slot,
        max(r.rank) as best_rank
    from ranked as r
    group by r.slot
),
leaders as (
    select
        r.slot,
        count(*) as num_leaders,
        min(r.value_key) as leader_key,
        arg_min(r.first_source, r.value_key) as leader_source
    from ranked as r
    inner join contests as c on r.slot = c.slot and r.rank = c.best_rank
    group by r.slot
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
    inner join contests as c on r.slot = c.slot
    inner join leaders as l on r.slot = l.slot
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
    case when v.slot_kind = 'multi_valued' then 'member' else 'winner' end as outcome
from counted as v
where v.num_values = 1 or v.slot_kind = 'multi_valued'
