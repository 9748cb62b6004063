-- Record the batch with what became of its rows, counted in the tables they went to.
-- grain: one row added
-- params: $content_hash, $source, $file, $num_rows, $recorded_at
insert into ingests
with taken as (
    select o.claim_id
    from origins as o
    where o.content_hash = $content_hash
),
new_claims as (
    select distinct t.claim_id
    from taken as t
    anti join (
        select o.claim_id
        from origins as o
        where o.content_hash <> $content_hash
    ) as e on t.claim_id = e.claim_id
    inner join claims as c on t.claim_id = c.claim_id
),
counts as (
    select
        (select count(*) from taken) as num_taken,
        (select count(*) from new_claims) as num_accepted,
        (
            select count(*)
            from quarantine as q
            where q.content_hash = $content_hash
        ) as num_quarantined
)
select
    $content_hash as content_hash,
    $source as source,
    $file as file,
    $num_rows as num_rows,
    c.num_accepted,
    c.num_taken - c.num_accepted as num_duplicates,
    c.num_quarantined,
    $recorded_at as recorded_at
from counts as c
