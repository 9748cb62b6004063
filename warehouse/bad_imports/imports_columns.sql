-- How many slots of a relation a source already spoke of before each watched day.
-- grain: one row per (source, relation, observed_at)
-- reads: watched_days, first_words
create or replace temp table columns_known as
with growth as (
    select
        f.source,
        f.relation,
        f.first_at,
        sum(count(*)) over (
            partition by f.source, f.relation
            order by f.first_at
        ) as num_slots
    from first_words as f
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
