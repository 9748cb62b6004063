-- Forget what a run measured, before it is recorded again.
-- grain: none left of the run
-- params: $run_key
delete from recall where run_key = $run_key
