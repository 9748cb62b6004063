-- The relations of the slots to be judged, and whether they are watched for bad imports.
-- grain: one row per relation
-- reads: scope, rules
create or replace temp table watched_relations as
with named as (
    select distinct s.relation
    from scope as s
),
default_rule as (
    select r.*
    from rules as r
    where r.relation is null
)
select
    n.relation,
    coalesce(r.suspicious, d.suspicious) and coalesce(r.slot, d.slot) <> 'multi_valued'
        as is_watched,
    coalesce(r.is_numeric, d.is_numeric) as is_numeric
from named as n
left join rules as r on n.relation = r.relation
cross join default_rule as d
