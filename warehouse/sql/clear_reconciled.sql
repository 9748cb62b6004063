-- Mark the decisions as out of date: something came in after them.
-- grain: none left
delete from reconciled
