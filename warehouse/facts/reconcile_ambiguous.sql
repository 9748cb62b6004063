-- Phrasings that facts with different answers share: nobody could answer them, so no fact keeps them
-- (a fact's own question apart: reconcile_held_back.sql judges those). The claims keep theirs.
-- grain: one row per fact_id that has some
-- reads: candidates
create or replace temp table ambiguous as
with phrasings as (
    select
        c.fact_id,
        c.question,
        c.answer,
        unnest(c.prompts) as prompt
    from candidates as c
),
shared as (
    select p.prompt
    from phrasings as p
    group by p.prompt
    having count(*) > 1 and min(p.answer) <> max(p.answer)
)
select
    p.fact_id,
    list(p.prompt order by p.prompt) as prompts
from phrasings as p
inner join shared as s on p.prompt = s.prompt
where p.prompt <> p.question
group by p.fact_id
