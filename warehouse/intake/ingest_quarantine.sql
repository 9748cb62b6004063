-- Keep the rows that could not be taken in, as they were given, with the reason.
-- grain: one row per refused input row
-- params: $source, $content_hash, $recorded_at
-- reads: raw_rows (the rows as given), files (the files by the first of their rows), recipes (how
--   each view makes fields of columns), judged_rows
insert into quarantine by name
with refused as (
    select
        j.*,
        row_number() over (partition by j.row order by j.view, j.value, j.subject) as nth
    from judged_rows as j
    where j.verdict is not null
)
select
    coalesce(j.source, $source) as source,
    p.file,
    j.row - p.first_row + 1 as row,
    j.verdict.field as field,
    j.verdict.reason as reason,
    j.verdict.explanation as explanation,
    coalesce(r.text, to_json(r.given)::varchar, '') as raw,
    $content_hash as content_hash,
    left(sha256(to_json([$content_hash, j.row::varchar, j.nth::varchar])::varchar), 12)
        as quarantine_id,
    r.line,
    json_extract_string(v.recipe, '$.columns.' || j.verdict.field) as "column",
    case
        when j.broken is null and j.subject is not null and j.relation is not null
            then slot_id(j.subject, j.relation)
    end as fact_id,
    j.fields,
    v.recipe,
    $recorded_at as recorded_at
from refused as j
inner join files as p on j.row between p.first_row and p.last_row
left join raw_rows as r on j.row = r.row
left join recipes as v on j.view = v.view
