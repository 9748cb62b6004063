-- Forget the assignment of one geometry; the settled one replaces it in the same transaction.
-- grain: none left of the geometry
-- params: $geometry
delete from assignment where geometry = $geometry
