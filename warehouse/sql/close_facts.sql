-- End the recorded time of judged facts that changed in anything, or are gone.
-- grain: one row per changed or retired fact_id
-- params: $now
-- reads: scoped_claims, new_facts
update facts
set recorded_to = $now
where recorded_to is null
    and (
        getvariable('known_at') is not null
        or fact_id in (select s.fact_id from scoped_claims as s)
    )
    and fact_hash not in (select n.fact_hash from new_facts as n)
