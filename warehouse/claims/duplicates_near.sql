-- Subjects of one relation that are nearly equal: at most $max_edits letters apart. Only neighbours
-- are compared: in the order of the forms, in that of the forms read backwards, and among those that
-- share their rarest word, each with the next four. So the work grows with the rows, not their pairs.
-- Two that differ by words which are both well known (Marc and Mark) are told apart by them.
-- grain: one row per pair of forms
-- params: $max_edits, $min_similarity, $num_known
-- reads: forms
create or replace temp table near_forms as
with distinct_forms as (
    select
        f.relation,
        f.form,
        any_value(f.words) as words,
        array_to_string(
            list_filter(
                any_value(f.words),
                lambda w: regexp_matches(w, '[0-9]') or regexp_full_match(w, '[ivxl]+')
            ),
            ' '
        ) as digits
    from forms as f
    group by f.relation, f.form
),
words as (
    select
        d.relation,
        d.form,
        d.digits,
        unnest(list_distinct(d.words)) as word
    from distinct_forms as d
),
counted as (
    select
        w.*,
        count(*) over (partition by w.relation, w.word) as num_forms
    from words as w
),
rarest as (
    select
        c.relation,
        c.form,
        c.digits,
        c.word
    from counted as c
    where c.num_forms > 1
    qualify row_number() over (partition by c.relation, c.form order by c.num_forms, c.word) = 1
),
neighbours as (
    select
        d.relation,
        d.form,
        d.digits,
        unnest([
            lead({'form': d.form, 'digits': d.digits}, 1) over forward,
            lead({'form': d.form, 'digits': d.digits}, 2) over forward,
            lead({'form': d.form, 'digits': d.digits}, 3) over forward,
            lead({'form': d.form, 'digits': d.digits}, 4) over forward
        ]) as other
    from distinct_forms as d
    window forward as (partition by d.relation order by d.form)
    union all
    select
        d.relation,
        d.form,
        d.digits,
        unnest([
            lead({'form': d.form, 'digits': d.digits}, 1) over backward,
            lead({'form': d.form, 'digits': d.digits}, 2) over backward,
            lead({'form': d.form, 'digits': d.digits}, 3) over backward,
            lead({'form': d.form, 'digits': d.digits}, 4) over backward
        ]) as other
    from distinct_forms as d
    window backward as (partition by d.relation order by reverse(d.form))
    union all
    select
        r.relation,
        r.form,
        r.digits,
        unnest([
            lead({'form': r.form, 'digits': r.digits}, 1) over sharing,
            lead({'form': r.form, 'digits': r.digits}, 2) over sharing,
            lead({'form': r.form, 'digits': r.digits}, 3) over sharing,
            lead({'form': r.form, 'digits': r.digits}, 4) over sharing
        ]) as other
    from rarest as r
    window sharing as (partition by r.relation, r.word order by r.form)
),
compared as (
    select
        n.relation,
        n.form,
        n.other.form as other_form,
        -- Boeing 737 and 747 are not one, nor Louis XIV and XV: numbers must be the same.
        case
            when n.digits = n.other.digits
                and abs(strlen(n.form) - strlen(n.other.form)) <= $max_edits
                then damerau_levenshtein(n.form, n.other.form)
        end as num_edits
    from neighbours as n
    where n.other is not null
),
close as (
    select distinct
        c.relation,
        c.form,
        c.other_form,
        1 - c.num_edits / greatest(strlen(c.form), strlen(c.other_form)) as score
    from compared as c
    where c.num_edits <= $max_edits
        and 1 - c.num_edits / greatest(strlen(c.form), strlen(c.other_form)) >= $min_similarity
),
known as (
    select w.word
    from words as w
    group by w.word
    having count(distinct w.form) >= $num_known
),
apart as (
    select
        c.relation,
        c.form,
        c.other_form,
        1 as side,
        unnest(words_without(c.form, c.other_form)) as word
    from close as c
    union all
    select
        c.relation,
        c.form,
        c.other_form,
        2 as side,
        unnest(words_without(c.other_form, c.form)) as word
    from close as c
),
told_apart as (
    select
        a.relation,
        a.form,
        a.other_form
    from apart as a
    left join known as k on a.word = k.word
    group by a.relation, a.form, a.other_form
    having count(distinct a.side) = 2 and count(*) = count(k.word)
)
select c.*
from close as c
anti join told_apart as t
    on c.relation = t.relation and c.form = t.form and c.other_form = t.other_form
