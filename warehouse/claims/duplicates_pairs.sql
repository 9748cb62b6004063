-- The suspected pairs, each with its strongest reason. In a group of equal ones each is paired with
-- the group's first alone: n slots of one subject give n - 1 pairs, which join them all.
-- grain: one row per pair of slots
-- reads: forms, near_forms, near_questions
with same_subject as (
    select
        f.fact_id,
        first_value(f.fact_id) over one as other,
        case
            when f.has_look or first_value(f.has_look) over one then 'subject looks alike'
            else 'same subject'
        end as reason,
        1.0 as score
    from forms as f
    window one as (partition by f.relation, f.form order by f.fact_id)
),
same_relation as (
    select
        f.fact_id,
        first_value(f.fact_id) over one as other,
        'same relation' as reason,
        1.0 as score
    from forms as f
    where f.relation_form <> ''
    window one as (partition by f.relation_form, f.form order by f.fact_id)
),
same_question as (
    select
        f.fact_id,
        first_value(f.fact_id) over one as other,
        'same question' as reason,
        1.0 as score
    from forms as f
    where f.question_form <> ''
    window one as (partition by f.question_form order by f.fact_id)
),
first_slots as (
    select
        f.relation,
        f.form,
        min(f.fact_id) as fact_id
    from forms as f
    group by f.relation, f.form
),
near_subject as (
    select
        a.fact_id,
        b.fact_id as other,
        'near subject' as reason,
        n.score
    from near_forms as n
    inner join first_slots as a on n.relation = a.relation and n.form = a.form
    inner join first_slots as b on n.relation = b.relation and n.other_form = b.form
),
pairs as (
    select * from same_subject
    union all
    select * from same_relation
    union all
    select * from same_question
    union all
    select * from near_subject
    union all
    select n.fact_id, n.other, 'near question' as reason, n.score from near_questions as n
),
ordered as (
    select
        least(p.fact_id, p.other) as fact_id,
        greatest(p.fact_id, p.other) as other,
        p.reason,
        p.score,
        list_position(
            [
                'same subject', 'subject looks alike', 'same relation', 'same question',
                'near subject', 'near question'
            ],
            p.reason
        ) as reason_index
    from pairs as p
    where p.fact_id <> p.other
)
select
    o.fact_id,
    o.other,
    o.reason,
    o.score::double as score
from ordered as o
qualify row_number() over (
    partition by o.fact_id, o.other order by o.score desc, o.reason_index
) = 1
order by o.fact_id, o.other
