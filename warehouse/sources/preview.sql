-- name: preview_claims
-- The first claims of a catalogue, by where they come from.
-- grain: one row per claim_id
-- params: $limit
select
    o.file,
    o.row,
    c.subject,
    c.relation,
    c.value,
    c.question,
    c.paraphrases,
    c.source,
    c.authority,
    c.observed_at,
    c.valid_from,
    c.valid_to
from claims as c
inner join origins as o on c.claim_id = o.claim_id
qualify row_number() over (partition by c.claim_id order by o.file, o.row) = 1
order by o.file, o.row, c.relation, c.claim_id
limit $limit
