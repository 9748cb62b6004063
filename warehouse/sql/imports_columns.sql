-- How many slots of a relation a source already spoke of before each watched day.
-- grain: one row per (source, relation, observed_at)
-- reads: watched_days
create or replace temp table columns_known as
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
        min(c.observed_at) as first_at
    from known_claims as c
    semi join columns as k on c.source = k.source and c.relation = k.relation
    where c.observed_at is not null
    group by c.source, c.relation, c.fact_id
),
growth as (
    select
        f.source,
        f.relation,
        f.first_at,
        sum(count(*)) over (
            partition by f.source, f.relation
            order by f.first_at
        ) as num_slots
    from firsts as f
    group by f.source, f.relation, f.first_at
)
select
    d.source,
    d.relation,
    d.observed_at,
    coalesce(g.num_slots, 0) as num_known
from watched_days as d
asof left join growth as g
    on d.source = g.source and d.relation = g.relation and d.observed_at > g.first_at
