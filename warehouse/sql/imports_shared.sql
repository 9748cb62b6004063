-- Of how many slots a source spoke for the first time on a day, others having spoken of them before.
-- grain: one row per (source, relation, observed_at)
-- reads: placed
create or replace temp table shared_columns as
with firsts as (
    select
        p.source,
        p.relation,
        p.fact_id,
        min(p.observed_at) as first_at
    from placed as p
    where p.suspicious and p.observed_at is not null and p.slot_kind <> 'multi_valued'
    group by p.source, p.relation, p.fact_id
),
openings as (
    select
        f.fact_id,
        min(f.first_at) as opened_at
    from firsts as f
    group by f.fact_id
)
select
    f.source,
    f.relation,
    f.first_at as observed_at,
    count(*) as num_known
from firsts as f
inner join openings as o on f.fact_id = o.fact_id and o.opened_at < f.first_at
group by f.source, f.relation, f.first_at
