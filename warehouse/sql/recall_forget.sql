-- Take one fact out of everything that was measured: what it should say, and what was said.
-- grain: none left of the fact
-- params: $fact_id
delete from recall where fact_id = $fact_id
