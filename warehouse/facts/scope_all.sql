-- Every claim known is judged.
-- grain: one row per claim_id
-- reads: known_claims
create or replace temp view scoped_claims as
select c.*
from known_claims as c;

create or replace temp view scope as
select
    s.fact_id,
    s.relation
from slots as s;

create or replace temp view old_decisions as
select
    d.rowid as decision_no,
    d.claim_id,
    d.status,
    d.reason
from decisions as d
where d.recorded_to is null;

create or replace temp view judged_decisions as
select o.*
from old_decisions as o;

create or replace temp view old_facts as
select
    f.rowid as fact_no,
    f.fact_id,
    f.answer,
    f.support,
    f.fact_hash,
    f.training_hash
from facts as f
where f.recorded_to is null;

create or replace temp view judged_facts as
select o.*
from old_facts as o
