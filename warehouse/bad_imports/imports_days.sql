-- The days on which a source said enough about a watched relation to have changed most of a column.
-- grain: one row per (source, relation, observed_at)
-- params: $min_slots
-- reads: watched_relations, known_claims
create or replace temp table watched_days as
select
    c.source,
    c.relation,
    c.observed_at
from known_claims as c
inner join watched_relations as w on c.relation = w.relation and w.is_watched
where c.observed_at is not null
group by c.source, c.relation, c.observed_at
having count(*) >= $min_slots
