-- The refused rows that mention a subject as a word or words of their own.
-- grain: one row per refused row and field
-- params: $subject, $max_rows
-- reads: refused (quarantine.parquet)
select
    r.source,
    r.file,
    r.row,
    r.field,
    r.reason,
    r.explanation,
    r.raw
from refused as r
where contains(lower(normal_form(r.raw)), lower($subject))
    and regexp_matches(
        normal_form(r.raw),
        '(?i)(^|[^\p{L}\p{N}_])' || regexp_escape($subject) || '($|[^\p{L}\p{N}_])'
    )
order by r.file, r.row, r.field
limit $max_rows
