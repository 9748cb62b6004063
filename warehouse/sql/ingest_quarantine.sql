-- Keep the rows that could not be taken in, as they were given, with the reason.
-- grain: one row per refused input row
-- params: $source, $file, $content_hash
-- reads: raw_rows, the rows as given
insert into quarantine
select
    coalesce(j.source, $source) as source,
    $file as file,
    j.row,
    j.verdict.field,
    j.verdict.reason,
    j.verdict.explanation,
    coalesce(r.text, to_json(r.given)::varchar, '') as raw,
    $content_hash as content_hash
from judged_rows as j
left join raw_rows as r on j.row = r.row
where j.verdict is not null
