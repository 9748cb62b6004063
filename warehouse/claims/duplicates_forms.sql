-- What is compared of each slot: subject, relation and question without case, script, punctuation,
-- apostrophes and 'the'; of subjects also without the order of their words. A subject with letters
-- that look like Latin ones has a second form, as it looks.
-- grain: one row per (fact_id, form)
-- reads: suspects (fact_id, subject, relation, question), spelt_out (text, plain, look)
create or replace temp table forms as
with plain as (
    select
        s.fact_id,
        coalesce(s.relation, '') as relation,
        words_of(coalesce(r.plain, s.relation, '')) as relation_words,
        unnest(list_distinct([coalesce(n.plain, s.subject), coalesce(n.look, s.subject)])) as subject,
        n.look is not null as has_look,
        words_of(coalesce(q.plain, s.question, '')) as question_words
    from suspects as s
    left join spelt_out as n on s.subject = n.text
    left join spelt_out as r on s.relation = r.text
    left join spelt_out as q on s.question = q.text
),
worded as (
    select
        p.fact_id,
        p.relation,
        array_to_string(p.relation_words, ' ') as relation_form,
        list_sort(words_of(p.subject)) as words,
        p.has_look,
        p.question_words
    from plain as p
)
select
    w.fact_id,
    w.relation,
    w.relation_form,
    w.has_look,
    w.words,
    array_to_string(w.words, ' ') as form,
    array_to_string(w.question_words, ' ') as question_form,
    array_to_string(list_filter(w.question_words, lambda x: not list_contains(w.words, x)), ' ') as rest
from worded as w
where len(w.words) > 0
