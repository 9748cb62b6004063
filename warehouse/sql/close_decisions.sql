-- End the recorded time of decisions that no longer hold.
-- grain: one row per changed claim_id
-- params: $now
-- reads: old_decisions, new_decisions
update decisions
set recorded_to = $now
where rowid in (
    select o.decision_no
    from old_decisions as o
    inner join new_decisions as n on o.claim_id = n.claim_id
    where o.status <> n.status or o.reason <> n.reason
)
