-- Forget the timeline of the slots that are judged; it is found anew each time.
-- grain: one row per (fact_id, held_from) forgotten
-- reads: scope
delete from timeline
where fact_id in (select s.fact_id from scope as s)
