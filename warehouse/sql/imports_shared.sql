-- Of how many slots a source spoke for the first time on a day, others having spoken of them before.
-- grain: one row per (source, relation, observed_at)
-- reads: watched_days
create or replace temp table shared_columns as
with columns as (
    select distinct
        d.source,
        d.relation
    from watched_days as d
),
firsts as (
    select
        c.source,
        c.relation,
        c.fact_id,
        min(c.observed_at) as first_at
    from known_claims as c
    semi join columns as k on c.source = k.source and c.relation = k.relation
    where c.observed_at is not null
    group by c.source, c.relation, c.fact_id
),
openings as (
    select
        c.fact_id,
        min(c.observed_at) as opened_at
    from known_claims as c
    semi join columns as k on c.relation = k.relation
    where c.observed_at is not null
    group by c.fact_id
)
select
    f.source,
    f.relation,
    f.first_at as observed_at,
    count(*) as num_known
from firsts as f
inner join openings as o on f.fact_id = o.fact_id and o.opened_at < f.first_at
group by f.source, f.relation, f.first_at
