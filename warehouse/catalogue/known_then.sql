-- The slots that a claim known at the moment looked back to is about, and the rows that assert claims.
-- grain: none (definitions)
-- reads: known_claims
create or replace temp view later_ingests as
select i.content_hash
from ingests as i
where i.recorded_at > getvariable('known_at');

create or replace temp view replayed_later as
select
    q.content_hash,
    q.file,
    q.row,
    q.claim_id
from quarantine as q
where q.replayed_at > getvariable('known_at');

create or replace temp view known_origins as
select o.*
from origins as o
anti join later_ingests as l on o.content_hash = l.content_hash
anti join replayed_later as r
    on o.content_hash = r.content_hash and o.file = r.file and o.row = r.row
    and o.claim_id = r.claim_id;

create or replace temp view known_slots as
select s.*
from slots as s
where s.fact_id in (select c.fact_id from known_claims as c)
