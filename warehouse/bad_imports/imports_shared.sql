-- Of how many slots a source spoke for the first time on a day, others having spoken of them before.
-- grain: one row per (source, relation, observed_at)
-- reads: first_words, known_claims
create or replace temp table shared_columns as
with openings as (
    select
        c.fact_id,
        min(c.observed_at) as opened_at
    from known_claims as c
    where
        c.observed_at is not null
        and c.relation in (select f.relation from first_words as f)
    group by c.fact_id
)
select
    f.source,
    f.relation,
    f.first_at as observed_at,
    count(*) as num_known
from first_words as f
inner join openings as o on f.fact_id = o.fact_id and o.opened_at < f.first_at
group by f.source, f.relation, f.first_at
