-- Forget the ties of the last reconcile; they are found anew each time.
-- grain: none left
delete from conflicts
