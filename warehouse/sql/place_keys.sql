-- Give the claims placed the keys that the kinds of values said.
-- grain: one row per claim_no without key
-- reads: placed, keyed_claims
update placed
set key_hash = hash(k.value_key)
from keyed_claims as k
where placed.claim_no = k.claim_no and placed.key_hash is null
