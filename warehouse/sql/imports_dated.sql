-- How many claims say when they were observed.
-- grain: one row
select count(c.observed_at) as num_dated
from known_claims as c
