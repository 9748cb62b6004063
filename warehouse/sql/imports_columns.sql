-- How many slots of a relation a source already spoke of before each day on which it changed some.
-- grain: one row per (source, relation, observed_at)
-- reads: placed, statements
create or replace temp table columns_known as
with firsts as (
    select
        p.source,
        p.relation,
        min(p.observed_at) as first_at
    from placed as p
    where p.suspicious and p.observed_at is not null and p.slot_kind <> 'multi_valued'
    group by p.source, p.relation, p.fact_id
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
),
days as (
    select distinct
        s.source,
        s.relation,
        s.observed_at
    from statements as s
)
select
    d.source,
    d.relation,
    d.observed_at,
    coalesce(g.num_slots, 0) as num_known
from days as d
asof left join growth as g
    on d.source = g.source and d.relation = g.relation and d.observed_at > g.first_at
