-- Numbers that jump far beyond what this source's numbers of the relation do, and to which the source
-- does not hold afterwards: often those of another subject, moved by a shifted row.
-- grain: one row per suspected (source, fact_id, observed_at)
-- params: $min_jump, $times_usual, $min_moves, $near
-- reads: moves, statements, slots
with usual as (
    select
        m.relation,
        quantile_disc(m.distance, 0.9) as usual
    from moves as m
    where m.is_number
    group by m.relation
    having count(*) >= $min_moves
),
jumps as (
    select
        m.*,
        u.usual
    from moves as m
    inner join usual as u on m.relation = u.relation
    where m.is_number
        and m.distance > greatest($min_jump, $times_usual * u.usual)
        and (m.distance_after is null or m.distance_after > m.distance / 2)
    qualify row_number() over (partition by m.source, m.fact_id order by m.observed_at) = 1
),
twins as (
    select
        j.source,
        j.fact_id,
        j.observed_at,
        first(t.subject order by abs(ln(j.number / o.number)), t.subject) as subject
    from jumps as j
    inner join statements as o
        on j.relation = o.relation and j.fact_id <> o.fact_id
        and o.observed_at <= j.observed_at
        and o.number between j.number * (1 - $near) and j.number * (1 + $near)
    inner join slots as t on o.fact_id = t.fact_id
    group by j.source, j.fact_id, j.observed_at
)
select
    j.source,
    j.fact_id,
    j.observed_at,
    'suspected bad import: ' || to_json(j.value) || ' after ' || to_json(j.before.value)
    || ', where nine of ten numbers of the relation change by less than '
    || greatest(1, round(100 * (exp(j.usual) - 1)))::integer || '%'
    || coalesce('; it is nearly that of ' || to_json(t.subject), '') as reason
from jumps as j
left join twins as t
    on j.source = t.source and j.fact_id = t.fact_id and j.observed_at = t.observed_at
order by j.source, j.fact_id, j.observed_at
