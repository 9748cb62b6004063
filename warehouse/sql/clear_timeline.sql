-- Forget the timeline of the last reconcile; it is found anew each time.
-- grain: none left
delete from timeline
