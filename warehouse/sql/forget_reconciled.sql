-- Forget the last reconcile; the next is recorded in its place.
-- grain: none left
delete from reconciled
