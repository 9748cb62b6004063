-- Facts that must not be trained, with the reason: no tokens or too many, or a question that another
-- fact asks too (all of them if the answers differ, all but the first if they agree).
-- grain: one row per fact_id
-- params: $max_answer_tokens
-- reads: answer_tokens (answer, num_tokens; empty when nobody counts), candidates
create or replace temp table held_back as
with shared as (
    select
        c.question,
        min(c.answer) <> max(c.answer) as differ,
        first(c.fact_id order by c.subject, c.relation, c.fact_id) as first_id
    from candidates as c
    group by c.question
    having count(*) > 1
),
others as (
    select
        c.fact_id,
        s.differ,
        min({'subject': o.subject, 'relation': o.relation, 'answer': o.answer}) as other
    from shared as s
    inner join candidates as c on s.question = c.question
    inner join candidates as o on s.question = o.question
    where case
        when s.differ then o.answer <> c.answer
        else c.fact_id <> s.first_id and o.fact_id = s.first_id
    end
    group by c.fact_id, s.differ
)
select
    c.slot,
    c.fact_id,
    case
        when t.num_tokens = 0 then 'the answer has no tokens'
        when t.num_tokens > $max_answer_tokens
            then
                'the answer has ' || t.num_tokens || ' tokens, at most '
                || $max_answer_tokens || ' can be memorized'
        when o.differ
            then
                'the question is also that of ' || to_json(o.other.subject) || ', '
                || to_json(o.other.relation) || ', with another answer: '
                || to_json(o.other.answer)
        else
            'the question and the answer are also those of ' || to_json(o.other.subject) || ', '
            || to_json(o.other.relation)
    end as reason
from candidates as c
left join answer_tokens as t on c.answer = t.answer
left join others as o on c.fact_id = o.fact_id
where t.num_tokens = 0 or t.num_tokens > $max_answer_tokens or o.fact_id is not null
