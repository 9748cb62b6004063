-- When a source first spoke of each slot of the columns that have a watched day.
-- grain: one row per (source, relation, fact_id)
-- reads: watched_days, known_claims
create or replace temp table first_words as
with columns as (
    select distinct
        d.source,
        d.relation
    from watched_days as d
)
select
    c.source,
    c.relation,
    c.fact_id,
    min(c.observed_at) as first_at
from known_claims as c
semi join columns as k on c.source = k.source and c.relation = k.relation
where c.observed_at is not null
group by c.source, c.relation, c.fact_id
