-- What was known at the moment in the session variable known_at (null: all there is), for every
-- query of a reconcile. Rules and retractions: the latest word counts.
-- grain: none (definitions)
create or replace temp view known_ingests as
select i.*
from ingests as i
where getvariable('known_at') is null or i.recorded_at <= getvariable('known_at');

create or replace temp view known_claims as
select
    c.rowid as claim_no,
    c.*
from claims as c
where getvariable('known_at') is null or c.recorded_at <= getvariable('known_at');

create or replace temp view known_quarantine as
select q.*
from quarantine as q
where case
    when getvariable('known_at') is null then q.replayed_at is null
    else q.recorded_at <= getvariable('known_at')
        and (q.replayed_at is null or q.replayed_at > getvariable('known_at'))
end;

create or replace temp view known_retractions as
with latest as (
    select r.*
    from retractions as r
    where getvariable('known_at') is null or r.recorded_at <= getvariable('known_at')
    qualify row_number() over (partition by r.claim_id order by r.recorded_at desc, r.reason) = 1
)
select
    l.claim_id,
    l.reason
from latest as l
where l.withdrawn;

create or replace temp view known_rules as
select
    r.relation,
    r.rule
from relations as r
where getvariable('known_at') is null or r.recorded_at <= getvariable('known_at')
qualify row_number() over (partition by r.relation order by r.recorded_at desc, r.rule) = 1;

-- Slots whose claims are forgotten, whatever the moment looked back to. Purged claims stand under the
-- salted name of their slot; nothing brings those back, not even a lifted tombstone.
create or replace temp view forgotten_slots as
select
    t.fact_id,
    t.reason
from tombstones as t
where t.fact_id is not null and t.lifted_at is null
union all
select
    left(t.slot_hash, 16) as fact_id,
    t.reason
from tombstones as t
where t.purged_at is not null
