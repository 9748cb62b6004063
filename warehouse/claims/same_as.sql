-- name: same_as_subjects
-- The batch with subjects under the names that they go by. Where a claim gives no relation, it is the
-- prompt without the subject (ingest_read.sql): without the subject as it was given.
-- grain: one row per row of the batch, in order
-- reads: batch (the Arrow table of a ClaimBatch), same_as (name as name_key says it, goes_by)
select
    coalesce(s.goes_by, b.subject) as subject,
    case
        when s.goes_by is null or filled(b.relation) is not null then b.relation
        else filled(
            replace(coalesce(filled(b.cloze), filled(b.question)), normal_form(b.subject), ' ')
        )
    end as relation,
    b.* exclude (subject, relation)
from batch as b
left join same_as as s on name_key(normal_form(b.subject)) = s.name
order by b.row
