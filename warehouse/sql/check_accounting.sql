-- fail: input rows that no status accounts for (I8). A quarantined row that was put right and taken
-- in counts as its claim.
-- grain: one row if the sums differ
with taken as (
    select coalesce(sum(i.num_rows), 0)::bigint as num_input_rows
    from known_ingests as i
),
accounted as (
    select
        (select count(*) from decisions as d where d.recorded_to is null)
        + (select count(*) from known_origins) - (select count(*) from known_claims)
        + (select count(*) from known_quarantine) as num_accounted
)
select
    'all input' as offender,
    t.num_input_rows || ' rows came in, ' || a.num_accounted || ' are accounted for' as detail
from taken as t
cross join accounted as a
where t.num_input_rows <> a.num_accounted
