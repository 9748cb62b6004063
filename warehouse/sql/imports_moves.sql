-- How each statement differs from what the source said of the slot before, and from what it says
-- next, without the statements that are suspected already. A number moves by the logarithm of the
-- ratio; any other value by 1.
-- grain: one row per (source, fact_id, observed_at) that has an earlier statement
-- reads: statements, suspected
create or replace temp table moves as
with trusted as (
    select s.*
    from statements as s
    anti join suspected as x
        on s.source = x.source and s.fact_id = x.fact_id and s.observed_at = x.observed_at
),
sequence as (
    select
        t.*,
        lag(t.value_key) over w as key_before,
        lag(t.value) over w as value_before,
        lag(t.number) over w as number_before,
        lead(t.value_key) over w as key_after,
        lead(t.number) over w as number_after
    from trusted as t
    window w as (partition by t.source, t.fact_id order by t.observed_at)
)
select
    s.*,
    case
        when s.value_key = s.key_before then 0
        when s.number > 0 and s.number_before > 0 then abs(ln(s.number / s.number_before))
        else 1
    end as distance,
    case
        when s.key_after is null then null
        when s.value_key = s.key_after then 0
        when s.number > 0 and s.number_after > 0 then abs(ln(s.number / s.number_after))
        else 1
    end as distance_after,
    s.number > 0 and s.number_before > 0 as is_number
from sequence as s
where s.key_before is not null
