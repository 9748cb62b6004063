-- The facts as they are now decided, with the hash of everything and the hash of what is trained.
-- grain: one row per fact_id
-- reads: ambiguous, candidates, held_back
create or replace temp table new_facts as
with kept as (
    select
        c.* replace (
            list_filter(
                c.prompts, lambda p: not list_contains(coalesce(a.prompts, []::varchar[]), p)
            ) as prompts
        )
    from candidates as c
    anti join held_back as h on c.fact_id = h.fact_id
    left join ambiguous as a on c.fact_id = a.fact_id
)
select
    k.*,
    sha256(
        to_json([
            k.fact_id, k.answer, k.question, k.prompt_kind, k.valid_from::varchar,
            k.valid_to::varchar, k.probability::varchar
        ])::varchar
        || to_json([k."values", k.prompts, k.aliases, k.support, k.contradict, k.sources])::varchar
    ) as fact_hash,
    sha256(to_json([k.fact_id, k.answer])::varchar || to_json(k.prompts)::varchar)
        as training_hash
from kept as k
