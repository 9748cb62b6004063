-- The question of each slot that has an answer, and the other phrasings of all its supporting claims.
-- The question is that of the strongest claim, a real question before a cloze; the others follow in
-- alphabetical order, clozes last. Where all claims phrase alike, as templates do, nothing is sorted.
-- grain: one row per slot
-- reads: supporting, scoped_claims
create or replace temp table phrasings as
with phrased as (
    select
        s.slot,
        s.strength,
        c.question,
        c.prompt_kind,
        c.cloze,
        c.paraphrases,
        c.aliases,
        hash(c.question, c.cloze, c.prompt_kind, c.paraphrases, c.aliases) as phrasing_hash
    from supporting as s
    inner join scoped_claims as c on s.claim_no = c.claim_no
    where not s.is_general
),
alike as (
    select
        p.slot,
        min(p.phrasing_hash) = max(p.phrasing_hash) as are_alike,
        any_value(p.question) as question,
        any_value(p.prompt_kind) as kind,
        any_value(p.cloze) as cloze,
        any_value(p.paraphrases) as paraphrases,
        any_value(p.aliases) as aliases
    from phrased as p
    group by p.slot
),
gathered as (
    select
        p.slot,
        first(
            {'question': p.question, 'kind': p.prompt_kind}
            order by p.prompt_kind desc, p.strength desc, p.question
        ) as prompt,
        list_distinct(list(p.question)) as questions,
        list_distinct(list(p.cloze) filter (p.cloze is not null)) as clozes,
        flatten(list(p.paraphrases)) as paraphrases,
        list_distinct(flatten(list(p.aliases))) as aliases
    from phrased as p
    semi join (select a.slot from alike as a where not a.are_alike) as d on p.slot = d.slot
    group by p.slot
),
together as (
    select
        a.slot,
        a.question,
        a.kind,
        []::varchar[] as questions,
        case when a.cloze is null then []::varchar[] else [a.cloze] end as clozes,
        a.paraphrases,
        a.aliases
    from alike as a
    where a.are_alike
    union all
    select
        g.slot,
        g.prompt.question as question,
        g.prompt.kind as kind,
        g.questions,
        coalesce(g.clozes, []::varchar[]) as clozes,
        g.paraphrases,
        g.aliases
    from gathered as g
)
select
    t.slot,
    t.question,
    t.kind as prompt_kind,
    list_sort(t.aliases) as aliases,
    case
        when len(t.questions) = 0 and len(t.clozes) = 0 and len(t.paraphrases) = 0
            then [t.question]
        else list_concat(
            list_concat(
                [t.question],
                list_sort(
                    list_filter(
                        list_distinct(list_concat(t.questions, t.paraphrases)),
                        lambda x: x <> t.question and not list_contains(t.clozes, x)
                    )
                )
            ),
            list_sort(list_filter(t.clozes, lambda x: x <> t.question))
        )
    end as prompts
from together as t
