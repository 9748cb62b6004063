-- The claims of supposed slots, as a reconcile sees claims.
-- grain: one row per supposed claim
-- reads: supposed (slot, value, source, authority, observed_at, valid_from)
create or replace temp table scoped_claims as
select
    row_number() over () as claim_no,
    s.slot || '-' || row_number() over () as claim_id,
    s.slot as fact_id,
    s.slot as subject,
    s.relation,
    s.value,
    s.source,
    s.authority,
    s.observed_at,
    s.valid_from,
    null::date as valid_to
from supposed as s
