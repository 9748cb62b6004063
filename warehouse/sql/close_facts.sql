-- End the recorded time of facts that changed in anything, or are gone.
-- grain: one row per changed or retired fact_id
-- params: $now
update facts
set recorded_to = $now
where recorded_to is null
    and fact_hash not in (select n.fact_hash from new_facts as n)
