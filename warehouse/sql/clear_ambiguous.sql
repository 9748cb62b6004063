-- Forget the shared phrasings of the slots that are judged; they are found anew each time.
-- grain: one row per fact_id forgotten
-- reads: scope
delete from ambiguous_prompts
where fact_id in (select s.fact_id from scope as s)
