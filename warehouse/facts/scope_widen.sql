-- Add the slots that share a phrasing with a slot of the last round, whatever becomes of the claims
-- that have it: facts that ask the same hold each other back. Phrasings are compared by hash; that
-- two different ones have the same only judges a slot more.
-- grain: one row per fact_id added
-- params: $round
-- reads: changed_slots, fetched_claims
insert into changed_slots
with added as (
    select c.*
    from fetched_claims as c
    semi join (select s.fact_id from changed_slots as s where s.round = $round) as n
        on c.fact_id = n.fact_id
),
asked as (
    select hash(a.question) as prompt_hash
    from added as a
    union
    select hash(a.cloze)
    from added as a
    where a.cloze is not null
    union
    select hash(p.prompt)
    from (select unnest(a.paraphrases) as prompt from added as a) as p
),
sharing as (
    select
        c.fact_id,
        c.relation
    from claims as c
    semi join asked as a on hash(c.question) = a.prompt_hash
    union all
    select
        c.fact_id,
        c.relation
    from claims as c
    semi join asked as a on hash(c.cloze) = a.prompt_hash
    where c.cloze is not null
    union all
    select
        p.fact_id,
        p.relation
    from (
        select
            c.fact_id,
            c.relation,
            unnest(c.paraphrases) as prompt
        from claims as c
        where len(c.paraphrases) > 0
    ) as p
    semi join asked as a on hash(p.prompt) = a.prompt_hash
)
select distinct
    s.fact_id,
    s.relation,
    $round + 1 as round
from sharing as s
anti join changed_slots as x on s.fact_id = x.fact_id
