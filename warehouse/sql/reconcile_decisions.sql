-- The status of every claim, and why, in words. No reason names the as-of date: it enters no hash.
-- grain: one row per claim_id
-- reads: standings, ranked_values, spellings, held_spans, general_values, held_back
create or replace temp table new_decisions as
with last_spans as (
    select
        ('0x' || t.fact_id)::ubigint as slot,
        t.value_key,
        max({'held_from': t.held_from, 'held_to': t.held_to}) as span
    from held_spans as t
    group by t.fact_id, t.value_key
),
judged_values as (
    select
        v.*,
        p.value as leader,
        g.slot is not null as is_general,
        case
            when v.outcome = 'beaten' and v.slot_kind = 'time_varying' and v.lost_on = 'recency'
                and t.span.held_from > date '0001-01-01'
                then 'held from ' || t.span.held_from
                    || coalesce(' until ' || t.span.held_to, '') || '; then '
                    || to_json(p.value) || ' of ' || v.leader_source
            when v.outcome = 'beaten'
                then 'beaten on ' || v.lost_on || ' by ' || to_json(p.value) || ' of '
                    || v.leader_source
                    || case v.lost_on
                        when 'authority' then ': ' || v.had || ' against ' || v.needed
                        when 'agreement'
                            then ': ' || v.had::bigint || ' against ' || v.needed::bigint
                                || ' sources'
                        when 'truth'
                            then ': probability ' || format('{:.3f}', v.had) || ' against '
                                || format('{:.3f}', v.needed)
                        else
                            ': '
                            || case
                                when v.had < 1 then 'undated'
                                else (date '0001-01-01' + floor(v.had)::integer)::varchar
                            end
                            || ' against ' || (date '0001-01-01' + floor(v.needed)::integer)
                    end
        end as lost_because
    from ranked_values as v
    left join spellings as p on v.slot = p.slot and hash(v.leader_key) = p.key_hash
    left join general_values as g on v.slot = g.slot and v.key_hash = g.key_hash
    left join last_spans as t on v.slot = t.slot and v.value_key = t.value_key
)
select
    c.claim_id,
    c.fact_id,
    case
        when s.standing = 'superseded' then 'outdated'
        when s.standing = 'bad_import' then 'held_back'
        when s.standing <> 'valid' then s.standing
        when v.outcome = 'beaten' and not v.is_general
            then case
                when v.slot_kind = 'time_varying' and v.lost_on = 'recency' then 'outdated'
                else 'contradicted'
            end
        when v.outcome = 'tie' then 'contradicted'
        when h.fact_id is not null then 'held_back'
        else 'used'
    end as status,
    case
        when s.standing in ('retracted', 'forgotten') then s.withdrawal
        when s.standing = 'bad_import' then s.suspicion
        when s.standing = 'outdated' then 'valid until ' || s.valid_to
        when s.standing = 'not_yet_valid' and s.valid_from is null
            then 'first seen on ' || s.observed_at
        when s.standing = 'not_yet_valid' then 'valid from ' || s.valid_from
        when s.standing = 'superseded'
            then 'superseded: ' || s.source || ' itself says otherwise as of ' || s.superseded_on
        when v.outcome = 'beaten' and not v.is_general then v.lost_because
        when v.outcome = 'tie'
            then 'tie: equal in ' || array_to_string(v.criteria, ', ') || ' with another value'
        when h.fact_id is not null then h.reason
        when v.outcome = 'beaten' then 'more general than ' || to_json(v.leader) || ': supports it'
        when v.outcome = 'member' then 'member of a set of ' || v.num_values
        when v.num_values > 1 and v.probability is not null
            then 'preferred to ' || (v.num_values - 1) || ' other value(s), probability '
                || format('{:.3f}', v.probability)
        when v.num_values > 1 then 'preferred to ' || (v.num_values - 1) || ' other value(s)'
        else 'the only value'
    end as reason
from standings as s
inner join scoped_claims as c on s.claim_no = c.claim_no
left join judged_values as v
    on s.standing = 'valid' and s.slot = v.slot and s.key_hash = v.key_hash
left join held_back as h on s.fact_id = h.fact_id
