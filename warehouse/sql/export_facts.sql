-- The facts, as published.
-- grain: one row per fact_id
select
    f.fact_id,
    f.subject,
    f.relation,
    f.answer,
    f."values",
    f.question,
    f.prompts,
    f.prompt_kind,
    f.aliases,
    f.valid_from,
    f.valid_to,
    f.probability,
    f.needs_review,
    f.support,
    f.contradict,
    f.sources
from facts as f
where f.recorded_to is null
order by f.fact_id
