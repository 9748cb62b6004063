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
