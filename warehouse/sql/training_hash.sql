-- Fingerprint of all that is trained: fact, prompts and answer.
-- grain: one row
select
    sha256(coalesce(string_agg(f.training_hash, '' order by f.fact_id), '')) as training_hash
from facts as f
where f.recorded_to is null
