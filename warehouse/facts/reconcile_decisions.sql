-- The status of every claim, and why, in words. No reason names the as-of date: it enters no hash.
-- grain: one row per claim_id
-- reads: standings, ranked_values, losses, rules, spellings, held_spans, general_values, held_back, scoped_claims
create or replace temp table new_decisions as
with last_spans as (
    select
        t.slot,
        t.key_hash,
        max({'held_from': t.held_from, 'held_to': t.held_to}) as span
    from held_spans as t
    group by t.slot, t.key_hash
),
judged_values as (
    select
        v.*,
        r.slot as slot_kind,
        r.criteria,
        x.lost_on,
        p.value as leader,
        g.slot is not null as is_general,
        case
            when v.outcome = 'beaten' and r.slot = 'time_varying' and x.lost_on = 'recency'
                and t.span.held_from > date '0001-01-01'
                then 'held from ' || t.span.held_from
                    || coalesce(' until ' || t.span.held_to, '') || '; then '
                    || to_json(p.value) || ' of ' || p.first_source
            when v.outcome = 'beaten'
                then 'beaten on ' || x.lost_on || ' by ' || to_json(p.value) || ' of '
                    || p.first_source
                    || case x.lost_on
                        when 'authority' then ': ' || x.had || ' against ' || x.needed
                        when 'agreement'
                            then ': ' || x.had::bigint || ' against ' || x.needed::bigint
                                || ' sources'
                        when 'truth'
                            then ': probability ' || format('{:.3f}', x.had) || ' against '
                                || format('{:.3f}', x.needed)
                        else
                            ': '
                            || case
                                when x.had < 1 then 'undated'
                                else (date '0001-01-01' + floor(x.had)::integer)::varchar
                            end
                            || ' against ' || (date '0001-01-01' + floor(x.needed)::integer)
                    end
        end as lost_because
    from ranked_values as v
    inner join rules as r on v.rule_id = r.rule_id
    left join losses as x on v.slot = x.slot and v.key_hash = x.key_hash
    left join spellings as p on v.slot = p.slot and v.leader_hash = p.key_hash
    left join general_values as g on v.slot = g.slot and v.key_hash = g.key_hash
    left join last_spans as t on v.slot = t.slot and v.key_hash = t.key_hash
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
        when s.standing in ('retracted', 'forgotten', 'bad_import') then s.because
        when s.standing = 'outdated' then 'valid until ' || c.valid_to
        when s.standing = 'not_yet_valid' and c.valid_from is null
            then 'first seen on ' || c.observed_at
        when s.standing = 'not_yet_valid' then 'valid from ' || c.valid_from
        when s.standing = 'superseded'
            then 'superseded: ' || c.source || ' itself says otherwise as of ' || s.superseded_on
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
left join held_back as h on s.slot = h.slot
