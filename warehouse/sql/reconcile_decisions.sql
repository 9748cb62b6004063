-- The status of every claim, and why, in words. No reason names the as-of date: it enters no hash.
-- grain: one row per claim_id
-- params: $criteria
create or replace temp table new_decisions as
with lost_on as (
    select
        v.fact_id,
        v.value,
        list_filter(
            [1, 2, 3], lambda i: v.rank[i] is distinct from v.best_rank[i]
        )[1] as criterion_index
    from ranked_values as v
    where v.outcome = 'beaten'
),
beaten as (
    select
        v.fact_id,
        v.value,
        ($criteria::varchar[])[l.criterion_index] as criterion,
        v.rank[l.criterion_index] as had,
        v.best_rank[l.criterion_index] as needed,
        v.leader,
        v.leader_source
    from ranked_values as v
    inner join lost_on as l on v.fact_id = l.fact_id and v.value = l.value
),
beaten_reasons as (
    select
        b.fact_id,
        b.value,
        'beaten on ' || b.criterion || ' by ' || to_json(b.leader) || ' of ' || b.leader_source
        || case b.criterion
            when 'authority' then ': ' || b.had || ' against ' || b.needed
            when 'agreement'
                then ': ' || b.had::bigint || ' against ' || b.needed::bigint || ' sources'
            else
                ': '
                || case
                    when b.had = 0 then 'undated'
                    else (date '0001-01-01' + b.had::integer)::varchar
                end
                || ' against ' || (date '0001-01-01' + b.needed::integer)
        end as reason
    from beaten as b
)
select
    s.claim_id,
    s.fact_id,
    case
        when s.standing = 'superseded' then 'outdated'
        when s.standing <> 'valid' then s.standing
        when v.outcome in ('beaten', 'tie') then 'contradicted'
        when h.fact_id is not null then 'held_back'
        else 'used'
    end as status,
    case
        when s.standing = 'retracted' then s.withdrawal
        when s.standing = 'outdated' then 'valid until ' || s.valid_to
        when s.standing = 'not_yet_valid' then 'valid from ' || s.valid_from
        when s.standing = 'superseded'
            then 'superseded: ' || s.source || ' itself says otherwise as of ' || s.superseded_on
        when v.outcome = 'beaten' then b.reason
        when v.outcome = 'tie'
            then 'tie: equal in ' || array_to_string($criteria::varchar[], ', ')
                || ' with another value'
        when h.fact_id is not null then h.reason
        when v.outcome = 'member' then 'member of a set of ' || v.num_values
        when v.num_values > 1 then 'preferred to ' || (v.num_values - 1) || ' other value(s)'
        else 'the only value'
    end as reason
from standings as s
left join ranked_values as v
    on s.standing = 'valid' and s.fact_id = v.fact_id and s.value = v.value
left join beaten_reasons as b
    on s.standing = 'valid' and s.fact_id = b.fact_id and s.value = b.value
left join held_back as h on s.fact_id = h.fact_id
