-- Slots of one subject and different relations whose questions, without the subject's words, are
-- nearly equal; each compared with the next four of its subject.
-- grain: one row per pair of slots
-- params: $max_edits, $min_similarity
-- reads: forms
create or replace temp table near_questions as
with neighbours as (
    select
        f.fact_id,
        f.relation,
        f.rest,
        unnest([
            lead({'fact_id': f.fact_id, 'relation': f.relation, 'rest': f.rest}, 1) over near,
            lead({'fact_id': f.fact_id, 'relation': f.relation, 'rest': f.rest}, 2) over near,
            lead({'fact_id': f.fact_id, 'relation': f.relation, 'rest': f.rest}, 3) over near,
            lead({'fact_id': f.fact_id, 'relation': f.relation, 'rest': f.rest}, 4) over near
        ]) as other
    from forms as f
    where f.rest <> ''
    window near as (partition by f.form order by f.rest, f.fact_id)
),
compared as (
    select
        n.fact_id,
        n.other.fact_id as other,
        greatest(strlen(n.rest), strlen(n.other.rest)) as num_letters,
        case
            when abs(strlen(n.rest) - strlen(n.other.rest)) <= $max_edits
                and regexp_replace(n.rest, '[^0-9]+', ' ', 'g')
                = regexp_replace(n.other.rest, '[^0-9]+', ' ', 'g')
                then damerau_levenshtein(n.rest, n.other.rest)
        end as num_edits
    from neighbours as n
    where n.other is not null and n.relation <> n.other.relation
)
select
    c.fact_id,
    c.other,
    1 - c.num_edits / c.num_letters as score
from compared as c
where c.num_edits <= $max_edits and 1 - c.num_edits / c.num_letters >= $min_similarity
