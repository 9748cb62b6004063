-- Keep what a source declares about relations, in place of what it declared before.
-- grain: one row per (relation, source)
-- params: $source, $relations, $rules (two lists of equal length)
merge into relations as r
using (
    select
        normal_form(unnest($relations::varchar[])) as relation,
        $source as source,
        unnest($rules::varchar[]) as rule
) as d
on r.relation = d.relation and r.source = d.source
when matched then update set rule = d.rule
when not matched then insert values (d.relation, d.source, d.rule)
