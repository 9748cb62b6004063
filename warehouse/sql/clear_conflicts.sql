-- Forget the ties of the slots that are judged; they are found anew each time.
-- grain: one row per fact_id forgotten
-- reads: scope
delete from conflicts
where fact_id in (select s.fact_id from scope as s)
