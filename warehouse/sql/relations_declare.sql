-- Keep what a source now declares about relations; what it declared before stays, as of its time.
-- grain: one row per new (relation, source, rule)
-- params: $source, $relations, $rules (two lists of equal length), $recorded_at
insert into relations
with declared as (
    select
        normal_form(unnest($relations::varchar[])) as relation,
        unnest($rules::varchar[]) as rule
),
current_rules as (
    select
        r.relation,
        r.rule
    from relations as r
    where r.source = $source
    qualify row_number() over (partition by r.relation order by r.recorded_at desc) = 1
)
select
    d.relation,
    $source as source,
    d.rule,
    $recorded_at as recorded_at
from declared as d
left join current_rules as c on d.relation = c.relation
where c.rule is distinct from d.rule
