-- name: imports_are_watched
-- Whether any day or any column of numbers is watched.
-- grain: one row
-- reads: watched_days, number_relations
select
    exists (select 1 from watched_days)
    or exists (select 1 from number_relations) as are_watched

-- name: imports_clear
-- Clear what was suspected in the relations that were looked at again.
-- grain: one row per claim_id cleared
-- reads: watched_relations
delete from suspected_claims
where relation in (select w.relation from watched_relations as w)

-- name: imports_columns
-- How many slots of a relation a source already spoke of before each watched day.
-- grain: one row per (source, relation, observed_at)
-- reads: watched_days, first_words
create or replace temp table columns_known as
with growth as (
    select
        f.source,
        f.relation,
        f.first_at,
        sum(count(*)) over (
            partition by f.source, f.relation
            order by f.first_at
        ) as num_slots
    from first_words as f
    group by f.source, f.relation, f.first_at
)
select
    d.source,
    d.relation,
    d.observed_at,
    coalesce(g.num_slots, 0) as num_known
from watched_days as d
asof left join growth as g
    on d.source = g.source and d.relation = g.relation and d.observed_at > g.first_at

-- name: imports_dated
-- How many claims say when they were observed.
-- grain: one row
-- reads: known_claims
select count(c.observed_at) as num_dated
from known_claims as c

-- name: imports_days
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

-- name: imports_firsts
-- When a source first spoke of each slot of the columns that have a watched day.
-- grain: one row per (source, relation, fact_id)
-- reads: watched_days, known_claims
create or replace temp table first_words as
with columns as (
    select distinct
        d.source,
        d.relation
    from watched_days as d
)
select
    c.source,
    c.relation,
    c.fact_id,
    min(c.observed_at) as first_at
from known_claims as c
semi join columns as k on c.source = k.source and c.relation = k.relation
where c.observed_at is not null
group by c.source, c.relation, c.fact_id

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

-- name: imports_shared
-- Of how many slots a source spoke for the first time on a day, others having spoken of them before.
-- grain: one row per (source, relation, observed_at)
-- reads: first_words, known_claims
create or replace temp table shared_columns as
with openings as (
    select
        c.fact_id,
        min(c.observed_at) as opened_at
    from known_claims as c
    where
        c.observed_at is not null
        and c.relation in (select f.relation from first_words as f)
    group by c.fact_id
)
select
    f.source,
    f.relation,
    f.first_at as observed_at,
    count(*) as num_known
from first_words as f
inner join openings as o on f.fact_id = o.fact_id and o.opened_at < f.first_at
group by f.source, f.relation, f.first_at

-- name: imports_slots
-- The slots in which a bad import could show: those of the watched days and numbers about which not
-- all dated claims agree.
-- grain: one row per fact_id
-- reads: watched_days, number_relations, known_claims
create or replace temp table watched_slots as
with watched as (
    select c.fact_id
    from known_claims as c
    semi join watched_days as d
        on c.source = d.source and c.relation = d.relation and c.observed_at = d.observed_at
    union
    select c.fact_id
    from known_claims as c
    semi join number_relations as n on c.relation = n.relation
    where c.observed_at is not null
)
select c.fact_id
from known_claims as c
semi join watched as w on c.fact_id = w.fact_id
where c.observed_at is not null
group by c.fact_id
having min(c.value) <> max(c.value)

-- name: imports_suspected
-- The claims of the suspected statements, with the reason.
-- grain: one row per claim_id
-- reads: scoped_claims, suspected
create or replace temp table newly_suspected as
select
    c.claim_id,
    any_value(c.fact_id) as fact_id,
    any_value(c.relation) as relation,
    min(s.reason) as reason
from scoped_claims as c
inner join suspected as s
    on c.source = s.source and c.fact_id = s.fact_id and c.observed_at = s.observed_at
group by c.claim_id

-- name: imports_unsuspected
-- No claim is suspected.
-- grain: none
create or replace temp table newly_suspected as
select s.*
from suspected_claims as s
where false

-- name: imports_watched
-- The relations of the slots to be judged, and whether they are watched for bad imports.
-- grain: one row per relation
-- reads: scope, rules
create or replace temp table watched_relations as
with named as (
    select distinct s.relation
    from scope as s
),
default_rule as (
    select r.*
    from rules as r
    where r.relation is null
)
select
    n.relation,
    coalesce(r.suspicious, d.suspicious) and coalesce(r.slot, d.slot) <> 'multi_valued'
        as is_watched,
    coalesce(r.is_numeric, d.is_numeric) as is_numeric
from named as n
left join rules as r on n.relation = r.relation
cross join default_rule as d
