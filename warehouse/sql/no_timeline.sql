-- No timeline, where no rule declares a slot that varies over time.
-- grain: no row
create or replace temp table held_spans (
    fact_id varchar, slot ubigint, key_hash ubigint, value varchar, held_from date, held_to date
)
