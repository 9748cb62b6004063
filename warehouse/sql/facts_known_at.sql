-- The facts as they were known at a moment, with the time at which they were recorded.
-- grain: one row per fact_id
-- params: $moment
select
    f.fact_id,
    f.subject,
    f.relation,
    f.answer,
    f."values",
    f.question,
    f.prompts,
    f.valid_from,
    f.valid_to,
    f.probability,
    f.needs_review,
    f.support,
    f.contradict,
    f.sources,
    f.recorded_from,
    f.recorded_to
from facts as f
where f.recorded_from <= $moment and (f.recorded_to is null or f.recorded_to > $moment)
order by f.fact_id
