-- The relations that claims are about, with the rule declared for each, if any.
-- grain: one row per relation
select
    s.relation,
    k.rule
from (select distinct n.relation from known_slots as n) as s
inner join known_rules as k on s.relation = k.relation
order by s.relation
