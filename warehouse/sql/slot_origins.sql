-- Where a slot's claims were asserted: the rows that the sources still hold.
-- grain: one row per (source, file, row)
-- params: $fact_ids
select distinct
    c.source,
    o.file,
    o.row
from claims as c
inner join origins as o on c.claim_id = o.claim_id
where c.fact_id in (select unnest($fact_ids::varchar[]))
order by c.source, o.file, o.row
