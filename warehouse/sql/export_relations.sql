-- The rules by which slots were decided: those that sources declared, and the default, written under
-- the relation null, for all others.
-- grain: one row per relation
-- params: $default_rule (as JSON)
with rules_in_force as (
    select
        k.relation,
        k.rule
    from known_rules as k
    where k.relation in (select s.relation from known_slots as s)
    union all
    select
        null as relation,
        $default_rule as rule
)
select
    r.relation,
    r.rule ->> 'slot' as slot,
    r.rule ->> 'values' as "values",
    (r.rule ->> 'steps[*]') as steps,
    r.rule
from rules_in_force as r
order by r.relation nulls first
