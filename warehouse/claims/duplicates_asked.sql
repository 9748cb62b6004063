-- Slots of one subject and different relations whose questions, without the subject's words, are
-- nearly equal; each compared with the next four of its subject. Two that differ by words which are both
-- well known (father and mother) are told apart by them.
-- grain: one row per pair of slots
-- params: $max_edits, $min_similarity, $num_known
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
        n.rest,
        n.other.fact_id as other,
        n.other.rest as other_rest,
        greatest(strlen(n.rest), strlen(n.other.rest)) as num_letters,
        case
            when abs(strlen(n.rest) - strlen(n.other.rest)) <= $max_edits
                and regexp_replace(n.rest, '[^0-9]+', ' ', 'g')
                = regexp_replace(n.other.rest, '[^0-9]+', ' ', 'g')
                then damerau_levenshtein(n.rest, n.other.rest)
        end as num_edits
    from neighbours as n
    where n.other is not null and n.relation <> n.other.relation
),
close as (
    select
        c.*,
        1 - c.num_edits / c.num_letters as score
    from compared as c
    where c.num_edits <= $max_edits and 1 - c.num_edits / c.num_letters >= $min_similarity
),
words as (
    select
        f.fact_id,
        unnest(list_distinct(string_split(f.rest, ' '))) as word
    from forms as f
),
known as (
    select w.word
    from words as w
    group by w.word
    having count(distinct w.fact_id) >= $num_known
),
apart as (
    select
        c.fact_id,
        c.other,
        1 as side,
        unnest(words_without(c.rest, c.other_rest)) as word
    from close as c
    union all
    select
        c.fact_id,
        c.other,
        2 as side,
        unnest(words_without(c.other_rest, c.rest)) as word
    from close as c
),
told_apart as (
    select
        a.fact_id,
        a.other
    from apart as a
    left join known as k on a.word = k.word
    group by a.fact_id, a.other
    having count(distinct a.side) = 2 and count(*) = count(k.word)
)
select
    c.fact_id,
    c.other,
    c.score
from close as c
anti join told_apart as t on c.fact_id = t.fact_id and c.other = t.other
