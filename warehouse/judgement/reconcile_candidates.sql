-- The fact of each slot that has an answer, before anything is held back. Of the spellings of a subject
-- the first in the order of code points, which is plain where any is.
-- grain: one row per fact_id
-- reads: ranked_values, losses, rules, spellings, supporting, standings, phrasings, scoped_claims,
--   general_values
create or replace temp table candidates as
with chosen as (
    select
        v.slot,
        list(s.value) as "values",
        max(s.valid_from) as valid_from,
        min(s.valid_to) as valid_to,
        flatten(list(s.others)) as other_spellings,
        case when min(r.slot) <> 'multi_valued' then min(v.probability) end as probability
    from ranked_values as v
    inner join rules as r on v.rule_id = r.rule_id
    inner join spellings as s on v.slot = s.slot and v.key_hash = s.key_hash
    where v.outcome in ('winner', 'member')
    group by v.slot
),
supported as (
    select
        s.slot,
        any_value(c.fact_id) as fact_id,
        min(c.subject) as subject,
        any_value(c.relation) as relation,
        list(c.claim_id) as support,
        list(c.source) as sources
    from supporting as s
    inner join scoped_claims as c on s.claim_no = c.claim_no
    group by s.slot
),
opposing as (
    select
        s.slot,
        list(c.claim_id) as contradict
    from standings as s
    inner join ranked_values as v on s.slot = v.slot and s.key_hash = v.key_hash
    inner join rules as r on v.rule_id = r.rule_id
    anti join general_values as g on s.slot = g.slot and s.key_hash = g.key_hash
    inner join scoped_claims as c on s.claim_no = c.claim_no
    inner join losses as x on v.slot = x.slot and v.key_hash = x.key_hash
    where s.standing = 'valid' and not (r.slot = 'time_varying' and x.lost_on = 'recency')
    group by s.slot
),
sorted as (
    select
        c.* replace (list_sort(c."values") as "values"),
        s.* exclude (slot),
        o.contradict,
        p.* exclude (slot)
    from chosen as c
    inner join supported as s on c.slot = s.slot
    inner join phrasings as p on c.slot = p.slot
    left join opposing as o on c.slot = o.slot
)
select
    s.slot,
    s.fact_id,
    s.subject,
    s.relation,
    array_to_string(s."values", '; ') as answer,
    s."values",
    s.question,
    s.prompts,
    s.prompt_kind,
    case
        when len(s.aliases) = 0 and len(s.other_spellings) = 0 then []::varchar[]
        else list_sort(
            list_filter(
                list_distinct(list_concat(s.aliases, s.other_spellings)),
                lambda x: not list_contains(s."values", x)
            )
        )
    end as aliases,
    s.valid_from,
    s.valid_to,
    round(s.probability, 3) as probability,
    coalesce(round(s.probability, 3) < 0.8, false) as needs_review,
    list_sort(s.support) as support,
    coalesce(list_sort(s.contradict), []::varchar[]) as contradict,
    list_sort(list_distinct(s.sources)) as sources
from sorted as s
