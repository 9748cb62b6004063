-- Forget what truth discovery found about a relation in the full reconcile before.
-- grain: none left of the relation
-- params: $relation
delete from truth_states
where relation = $relation
