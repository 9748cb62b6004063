-- name: nearest_names
-- The names spelled most like a given one, without regard to case and accents.
-- grain: one row per name
-- params: $given, $min_similarity, $max_names
-- reads: named (name)
with compared as (
    select
        n.name,
        jaro_winkler_similarity(strip_accents(lower(n.name)), strip_accents(lower($given)))
            as similarity
    from named as n
)
select c.name
from compared as c
where c.similarity >= $min_similarity
order by c.similarity desc, c.name
limit $max_names

-- name: quarantined_about
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
where contains(lower(name_key(normal_form(r.raw))), lower(name_key($subject)))
    and regexp_matches(
        name_key(normal_form(r.raw)),
        '(?i)(^|[^\p{L}\p{N}_])' || regexp_escape(name_key($subject)) || '($|[^\p{L}\p{N}_])'
    )
order by r.file, r.row, r.field
limit $max_rows
