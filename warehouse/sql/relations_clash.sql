-- Relations that another source declared differently.
-- grain: one row per (relation, other source)
-- params: $source, $relations, $rules (two lists of equal length)
with declared as (
    select
        normal_form(unnest($relations::varchar[])) as relation,
        unnest($rules::varchar[]) as rule
)
select
    r.relation,
    r.source,
    r.rule as theirs,
    d.rule as ours
from declared as d
inner join relations as r on d.relation = r.relation
where r.source <> $source and r.rule <> d.rule
order by r.relation, r.source
