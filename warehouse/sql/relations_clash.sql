-- Relations that another source declared differently.
-- grain: one row per (relation, other source)
-- params: $source, $relations, $rules (two lists of equal length)
with declared as (
    select
        normal_form(unnest($relations::varchar[])) as relation,
        unnest($rules::varchar[]) as rule
),
current_rules as (
    select
        r.relation,
        r.source,
        r.rule
    from relations as r
    where r.source <> $source
    qualify row_number() over (partition by r.relation, r.source order by r.recorded_at desc) = 1
)
select
    r.relation,
    r.source,
    r.rule as theirs,
    d.rule as ours
from declared as d
inner join current_rules as r on d.relation = r.relation
where r.rule <> d.rule
order by r.relation, r.source
