-- Forget what is known of a judged run, before it is recorded again.
-- grain: none left of the run
-- params: $run_key
delete from evaluations where run_key = $run_key
