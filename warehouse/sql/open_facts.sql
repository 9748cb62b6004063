-- Record the facts that are new or changed.
-- grain: one row per added or changed fact_id
-- params: $now
-- reads: old_facts (with those just closed, or without), new_facts
insert into facts
select
    n.fact_id,
    n.subject,
    n.relation,
    n.answer,
    n."values",
    n.question,
    n.prompts,
    n.prompt_kind,
    n.aliases,
    n.valid_from,
    n.valid_to,
    n.probability,
    n.needs_review,
    n.support,
    n.contradict,
    n.sources,
    n.fact_hash,
    n.training_hash,
    $now as recorded_from,
    null as recorded_to
from new_facts as n
anti join old_facts as o on n.fact_hash = o.fact_hash
