-- Add the slots with a claim whose validity differs between two as-of dates.
-- grain: one row per fact_id added
-- params: $old, $new
-- reads: rules
insert into changed_slots
with default_rule as (
    select r.*
    from rules as r
    where r.relation is null
),
span as (
    select
        least($old::date, $new::date) as first_day,
        greatest($old::date, $new::date) as last_day
)
select distinct
    c.fact_id,
    c.relation,
    0 as round
from claims as c
left join rules as r on c.relation = r.relation
cross join default_rule as d
cross join span as s
anti join changed_slots as x on c.fact_id = x.fact_id
where (c.valid_to >= s.first_day and c.valid_to < s.last_day)
    or (c.valid_from > s.first_day and c.valid_from <= s.last_day)
    or (
        c.valid_from is null and c.observed_at > s.first_day and c.observed_at <= s.last_day
        and coalesce(r.slot, d.slot) = 'time_varying'
    )
