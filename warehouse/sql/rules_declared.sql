-- The relations that claims are about, with the rule declared for each, if any.
-- grain: one row per relation
select
    s.relation,
    any_value(k.rule) as rule
from known_slots as s
inner join known_rules as k on s.relation = k.relation
group by s.relation
order by s.relation
