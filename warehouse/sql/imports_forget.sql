-- Forget what was suspected in the relations that were looked at again.
-- grain: one row per claim_id forgotten
delete from suspected_claims
where relation in (select w.relation from watched_relations as w)
