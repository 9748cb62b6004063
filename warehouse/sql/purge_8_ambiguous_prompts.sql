-- Remove what is counted of the slot's phrasings.
-- grain: at most one row removed
-- params: $fact_id
delete from ambiguous_prompts where fact_id = $fact_id
