-- Days on which a source changed most of a column at once, which it does not usually do: the first
-- such day of a source and relation, unless the source changed most of the column on another day too
-- (some columns change every year), or says the new values again later.
-- grain: one row per suspected (source, fact_id, observed_at)
-- params: $far (how far a number must move to count), $min_slots, $min_share
-- reads: moves, columns_known
with batches as (
    select
        m.source,
        m.relation,
        m.observed_at,
        count(*) filter (m.distance > $far) as num_far,
        count(*) filter (m.distance > $far and m.distance_after = 0) as num_confirmed,
        any_value(k.num_known) as num_known
    from moves as m
    inner join columns_known as k
        on m.source = k.source and m.relation = k.relation and m.observed_at = k.observed_at
    group by m.source, m.relation, m.observed_at
),
mass as (
    select
        b.*,
        count(*) over (partition by b.source, b.relation) as num_mass
    from batches as b
    where b.num_far >= $min_slots and b.num_far > $min_share * b.num_known
)
select
    m.source,
    m.fact_id,
    m.observed_at,
    'suspected bad import: on ' || m.observed_at || ' ' || m.source || ' changed ' || b.num_far
    || ' of the ' || b.num_known || ' values of ' || to_json(m.relation)
    || ' that it had given before' as reason
from moves as m
inner join mass as b
    on m.source = b.source and m.relation = b.relation and m.observed_at = b.observed_at
where m.distance > $far and b.num_mass = 1 and b.num_confirmed <= b.num_far / 2
order by m.source, m.fact_id, m.observed_at
