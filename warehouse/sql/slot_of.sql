-- The identity of a slot given by its subject and relation.
-- grain: one row
-- params: $subject, $relation
select slot_id($subject, $relation) as fact_id
