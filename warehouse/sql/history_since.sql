-- Resolve a run, or a day, to the checkpoint that answered then: that very run, else the last one
-- that passed the gate by the end of the day.
-- grain: at most one row
-- params: $run_key, $day
-- reads: evaluations
select
    e.run_key,
    e.measured_at
from evaluations as e
where
    e.run_key = $run_key
    or ($run_key is null and e.passed and cast(e.measured_at as date) <= cast($day as date))
order by e.measured_at desc, e.run_key desc
limit 1
