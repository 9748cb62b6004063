-- End the recorded time of judged facts that changed in anything, or are gone.
-- grain: one row per changed or retired fact_id
-- params: $now
-- reads: old_facts, new_facts
update facts
set recorded_to = $now
where rowid in (
    select o.fact_no
    from old_facts as o
    anti join new_facts as n on o.fact_hash = n.fact_hash
)
