-- Rows that assert a claim once more, with the claim that they repeat.
-- grain: one row per duplicate input row
with numbered as (
    select
        o.claim_id,
        o.file,
        o.row,
        row_number() over (partition by o.claim_id order by o.file, o.row) as position
    from known_origins as o
)
select
    n.claim_id,
    n.file,
    n.row,
    'the same claim again' as reason
from numbered as n
where n.position > 1
order by n.claim_id, n.file, n.row
