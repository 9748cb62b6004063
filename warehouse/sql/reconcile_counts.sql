-- How many input rows ended in each status: the two sides of I8.
-- grain: one row per status
with duplicates as (
    select (select count(*) from known_origins) - (select count(*) from known_claims) as num_rows
),
counted as (
    select
        d.status,
        count(*) as num_rows
    from decisions as d
    where d.recorded_to is null
    group by d.status
    union all
    select 'duplicate' as status, u.num_rows from duplicates as u
    union all
    select 'quarantined' as status, count(*) as num_rows from known_quarantine
)
select
    c.status,
    c.num_rows
from counted as c
order by c.status
