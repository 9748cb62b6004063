-- What truth discovery found about a relation in the last full reconcile.
-- grain: one row per name
-- params: $relation
select
    t.name,
    t.content
from truth_states as t
where t.relation = $relation
order by t.name
