-- Mark the decisions as out of date: something came in after them.
-- grain: at most one row changed
update reconciled
set is_current = false
where is_current
