-- The watched relations with enough numbers to tell which of them jump.
-- grain: one row per relation
-- params: $min_moves
-- reads: watched_relations
create or replace temp table number_relations as
select c.relation
from known_claims as c
inner join watched_relations as w on c.relation = w.relation and w.is_watched
where c.observed_at is not null and (w.is_numeric or is_number(c.value))
group by c.relation
having count(*) >= $min_moves
