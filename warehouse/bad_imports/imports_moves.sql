-- How each statement differs from what its source said of the slot before (where it said nothing, from
-- the latest that others said), and from what it says next, without the statements that are suspected
-- already. A number moves by the logarithm of the ratio; any other value by 1.
-- grain: one row per (source, fact_id, observed_at) that has an earlier statement
-- reads: statements, suspected
create or replace temp table moves as
with trusted as (
    select
        s.*,
        {'observed_at': s.observed_at, 'key': s.value_key, 'value': s.value, 'number': s.number}
            as said
    from statements as s
    anti join suspected as x
        on s.source = x.source and s.fact_id = x.fact_id and s.observed_at = x.observed_at
),
sequence as (
    select
        t.*,
        lag(t.said) over own as own_before,
        coalesce(lag(t.value_key, 2) over own = t.value_key, false) as is_return,
        max(t.said) over earlier as any_before,
        lead(t.said) over own as after
    from trusted as t
    window
        own as (partition by t.source, t.fact_id order by t.observed_at),
        earlier as (
            partition by t.fact_id
            order by t.observed_at
            range between unbounded preceding and interval 1 day preceding
        )
),
paired as (
    select
        s.* exclude (own_before, any_before),
        coalesce(s.own_before, s.any_before) as before,
        s.own_before is not null as is_own
    from sequence as s
)
select
    p.*,
    case
        when p.value_key = p.before.key then 0
        when p.number > 0 and p.before.number > 0 then abs(ln(p.number / p.before.number))
        else 1
    end as distance,
    case
        when p.after is null then null
        when p.value_key = p.after.key then 0
        when p.number > 0 and p.after.number > 0 then abs(ln(p.number / p.after.number))
        else 1
    end as distance_after,
    p.number > 0 and p.before.number > 0 as is_number
from paired as p
where p.before is not null
