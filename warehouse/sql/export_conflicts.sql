-- Ties that people must settle.
-- grain: one row per fact_id
select
    c.fact_id,
    c.subject,
    c.relation,
    c."values",
    c.sources,
    c.claim_ids,
    c.explanation
from conflicts as c
order by c.fact_id
