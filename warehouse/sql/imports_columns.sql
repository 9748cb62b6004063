-- How many slots of a relation a source already spoke of before each day on which it changed some.
-- grain: one row per (source, relation, observed_at)
-- reads: placed, statements
create or replace temp table columns_known as
with firsts as (
    select
        p.source,
        p.relation,
        p.fact_id,
        min(p.observed_at) as first_at
    from placed as p
    where p.suspicious and p.observed_at is not null and p.slot <> 'multi_valued'
    group by p.source, p.relation, p.fact_id
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
    count(f.fact_id) as num_known
from days as d
left join firsts as f
    on d.source = f.source and d.relation = f.relation and f.first_at < d.observed_at
group by d.source, d.relation, d.observed_at
