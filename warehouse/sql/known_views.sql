-- What was known at the moment in the session variable known_at (null: all there is), for every
-- query of a reconcile. Rules and retractions: the latest word counts.
-- grain: none (definitions)
create or replace temp view known_ingests as
select i.*
from ingests as i
where getvariable('known_at') is null or i.recorded_at <= getvariable('known_at');

create or replace temp view later_ingests as
select i.content_hash
from ingests as i
where i.recorded_at > getvariable('known_at');

create or replace temp view known_claims as
select
    c.rowid as claim_no,
    c.*
from claims as c
where getvariable('known_at') is null or c.recorded_at <= getvariable('known_at');

create or replace temp view known_slots as
select s.*
from slots as s
where getvariable('known_at') is null
    or s.fact_id in (select c.fact_id from known_claims as c);

create or replace temp view known_origins as
select o.*
from origins as o
anti join later_ingests as l on o.content_hash = l.content_hash;

create or replace temp view known_quarantine as
select q.*
from quarantine as q
anti join later_ingests as l on q.content_hash = l.content_hash;

create or replace temp view known_retractions as
select
    r.claim_id,
    r.reason
from retractions as r
where getvariable('known_at') is null or r.recorded_at <= getvariable('known_at')
qualify row_number() over (partition by r.claim_id order by r.recorded_at desc, r.reason) = 1;

create or replace temp view known_rules as
select
    r.relation,
    r.rule
from relations as r
where getvariable('known_at') is null or r.recorded_at <= getvariable('known_at')
qualify row_number() over (partition by r.relation order by r.recorded_at desc, r.rule) = 1
