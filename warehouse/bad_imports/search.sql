-- name: imports_are_watched
-- Whether any day or any column of numbers is watched.
-- grain: one row
-- reads: watched_days, number_relations
select
    exists (select 1 from watched_days)
    or exists (select 1 from number_relations) as are_watched

-- name: imports_dated
-- How many claims say when they were observed.
-- grain: one row
-- reads: known_claims
select count(c.observed_at) as num_dated
from known_claims as c

-- name: imports_clear
-- Clear what was suspected in the relations that were looked at again.
-- grain: one row per claim_id cleared
-- reads: watched_relations
delete from suspected_claims
where relation in (select w.relation from watched_relations as w)

-- name: imports_held_back
-- The claims to be judged that are suspected, with the reason.
-- grain: one row per claim_no
-- reads: suspected_claims, scoped_claims
create or replace temp table bad_imports as
select
    c.claim_no,
    s.reason
from suspected_claims as s
inner join scoped_claims as c on s.claim_id = c.claim_id

-- name: imports_is_watching
-- Whether a bad import could show anywhere.
-- grain: one row
-- reads: watched_slots
select count(*) > 0 as is_watching
from watched_slots as w

-- name: imports_numbers
-- The watched relations with enough numbers to tell which of them jump.
-- grain: one row per relation
-- params: $min_moves
-- reads: watched_relations, known_claims
create or replace temp table number_relations as
select c.relation
from known_claims as c
inner join watched_relations as w on c.relation = w.relation and w.is_watched
where c.observed_at is not null and (w.is_numeric or is_number(c.value))
group by c.relation
having count(*) >= $min_moves

-- name: imports_record
-- Keep what is suspected now.
-- grain: one row per claim_id
-- reads: newly_suspected
insert into suspected_claims
select
    n.claim_id,
    n.fact_id,
    n.relation,
    n.reason
from newly_suspected as n
order by n.claim_id

-- name: imports_unsuspected
-- No claim is suspected.
-- grain: none
create or replace temp table newly_suspected as
select s.*
from suspected_claims as s
where false
