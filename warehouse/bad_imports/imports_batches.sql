-- Days on which a source changed most of a column at once, which it does not usually do: the only such
-- day of a source and relation (some columns change every year), unless it says the new values again
-- later; going back to what it said before is no change. A source that spoke of these slots for the first time must contradict nearly all that others
-- said. A claim that says itself since when its value holds contradicts nothing.
-- grain: one row per suspected (source, fact_id, observed_at)
-- params: $far (how far a number must move to count), $min_slots, $min_share, $min_foreign_share
-- reads: moves, columns_known, shared_columns
with batches as (
    select
        m.source,
        m.relation,
        m.observed_at,
        m.is_own,
        count(*) filter (m.distance > $far) as num_far,
        count(*) filter (m.distance > $far and m.distance_after = 0) as num_confirmed,
        count(*) filter (m.distance > $far and m.is_return) as num_returned,
        case when m.is_own then any_value(k.num_known) else any_value(o.num_known) end as num_known
    from moves as m
    inner join columns_known as k
        on m.source = k.source and m.relation = k.relation and m.observed_at = k.observed_at
    left join shared_columns as o
        on m.source = o.source and m.relation = o.relation and m.observed_at = o.observed_at
    where not m.is_dated_change
    group by m.source, m.relation, m.observed_at, m.is_own
),
mass as (
    select
        b.*,
        count(*) over (partition by b.source, b.relation) as num_mass
    from batches as b
    where b.num_far >= $min_slots and b.num_returned <= b.num_far / 2
        and b.num_far > b.num_known * case when b.is_own then $min_share else $min_foreign_share end
)
select
    m.source,
    m.fact_id,
    m.observed_at,
    'suspected bad import: on ' || m.observed_at || ' ' || m.source || ' changed ' || b.num_far
    || ' of the ' || b.num_known || ' values of ' || to_json(m.relation)
    || ' that ' || case when m.is_own then 'it' else 'others' end || ' had given before' as reason
from moves as m
inner join mass as b
    on m.source = b.source and m.relation = b.relation and m.observed_at = b.observed_at
    and m.is_own = b.is_own
where m.distance > $far and not m.is_dated_change and b.num_mass = 1 and b.num_confirmed <= b.num_far / 2
order by m.source, m.fact_id, m.observed_at
