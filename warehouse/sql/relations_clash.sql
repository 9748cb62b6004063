-- Relations that another source declared differently.
-- grain: one row per (relation, other source)
-- params: $source, $relations, $multi_valued (two lists of equal length)
with declared as (
    select
        normal_form(unnest($relations::varchar[])) as relation,
        unnest($multi_valued::boolean[]) as multi_valued
)
select
    r.relation,
    r.source,
    r.multi_valued as theirs,
    d.multi_valued as ours
from declared as d
inner join relations as r on d.relation = r.relation
where r.source <> $source and r.multi_valued <> d.multi_valued
order by r.relation, r.source
