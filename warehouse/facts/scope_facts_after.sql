-- The facts, now, of the slots that were judged: those before that still hold, and those added since.
-- grain: one row per fact_id
-- reads: facts_before, last_fact_no (a variable)
create or replace temp table facts_after as
select b.*
from facts_before as b
inner join facts as f on b.fact_no = f.rowid
where f.recorded_to is null
union all
select
    f.rowid as fact_no,
    f.fact_id,
    f.answer,
    f.support,
    f.fact_hash,
    f.training_hash
from facts as f
where f.rowid > getvariable('last_fact_no') and f.recorded_to is null
