-- The fact of each slot that has an answer, before anything is held back.
-- The question is that of the strongest supporting claim, a real question before a cloze; the other
-- phrasings of all supporting claims follow in alphabetical order, clozes last. A value that is more
-- general than the answer (general_values) supports it, but gives it no phrasing.
-- grain: one row per fact_id
create or replace temp table candidates as
with chosen as (
    select
        v.fact_id,
        list(s.value order by s.value) as "values",
        max(v.valid_from) as valid_from,
        min(v.valid_to) as valid_to,
        flatten(list(list_filter(s.spellings, lambda x: x <> s.value))) as other_spellings,
        case when any_value(v.slot) <> 'multi_valued' then min(v.probability) end as probability
    from ranked_values as v
    inner join spellings as s on v.fact_id = s.fact_id and v.value_key = s.value_key
    where v.outcome in ('winner', 'member')
    group by v.fact_id
),
supporting as (
    select
        c.fact_id,
        min(c.subject) as subject,
        min(c.relation) as relation,
        first(
            {'question': c.question, 'kind': c.prompt_kind}
            order by
                c.prompt_kind desc, c.authority desc, s.observed_on desc, c.question
        ) as prompt,
        list_distinct(list(c.question)) as questions,
        list_distinct(list(c.cloze) filter (c.cloze is not null)) as clozes,
        list_distinct(flatten(list(c.paraphrases))) as paraphrases,
        list_distinct(flatten(list(c.aliases))) as aliases,
        list(c.claim_id) as support,
        list_distinct(list(c.source)) as sources
    from standings as s
    inner join ranked_values as v on s.fact_id = v.fact_id and s.value_key = v.value_key
    inner join scoped_claims as c on s.claim_id = c.claim_id
    where s.standing = 'valid' and v.outcome in ('winner', 'member')
    group by c.fact_id
),
general as (
    select
        s.fact_id,
        list(s.claim_id) as support,
        list_distinct(list(s.source)) as sources
    from standings as s
    inner join general_values as g on s.fact_id = g.fact_id and s.value_key = g.value_key
    where s.standing = 'valid'
    group by s.fact_id
),
opposing as (
    select
        s.fact_id,
        list_sort(list(s.claim_id)) as contradict
    from standings as s
    inner join ranked_values as v on s.fact_id = v.fact_id and s.value_key = v.value_key
    anti join general_values as g on s.fact_id = g.fact_id and s.value_key = g.value_key
    where s.standing = 'valid' and v.outcome = 'beaten'
        and not (v.slot = 'time_varying' and v.lost_on = 'recency')
    group by s.fact_id
),
phrased as (
    select
        s.fact_id,
        s.prompt.question as question,
        list_sort(
            list_filter(coalesce(s.clozes, []), lambda x: x <> s.prompt.question)
        ) as clozes,
        list_sort(
            list_filter(
                list_distinct(list_concat(s.questions, s.paraphrases)),
                lambda x: x <> s.prompt.question and not list_contains(coalesce(s.clozes, []), x)
            )
        ) as others
    from supporting as s
)
select
    c.fact_id,
    s.subject,
    s.relation,
    array_to_string(c."values", '; ') as answer,
    c."values",
    p.question,
    list_concat(list_concat([p.question], p.others), p.clozes) as prompts,
    s.prompt.kind as prompt_kind,
    list_sort(
        list_filter(
            list_distinct(list_concat(s.aliases, c.other_spellings)),
            lambda x: not list_contains(c."values", x)
        )
    ) as aliases,
    c.valid_from,
    c.valid_to,
    round(c.probability, 3) as probability,
    list_sort(list_concat(s.support, coalesce(g.support, []::varchar[]))) as support,
    coalesce(o.contradict, []::varchar[]) as contradict,
    list_sort(
        list_distinct(list_concat(s.sources, coalesce(g.sources, []::varchar[])))
    ) as sources
from chosen as c
inner join supporting as s on c.fact_id = s.fact_id
inner join phrased as p on c.fact_id = p.fact_id
left join general as g on c.fact_id = g.fact_id
left join opposing as o on c.fact_id = o.fact_id
