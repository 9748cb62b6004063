-- name: doubt_names
-- Subjects whose names differ in case alone: two of one name, which no question tells apart. At most three.
-- grain: one row per name in lower case
-- reads: judged_rows
select
    array_agg(distinct j.subject order by j.subject) as names,
    count(*) over () as num_names
from judged_rows as j
where j.verdict is null
group by lower(j.subject)
having count(distinct j.subject) > 1
order by lower(j.subject)
limit 3

-- name: doubt_undated
-- In how many slots the batch says otherwise than its source did before, both without a date.
-- grain: one row
-- reads: judged_rows
with several as (
    select r.relation
    from relations as r
    where contains(r.rule, 'multi_valued')
),
withdrawn as (
    select r.claim_id
    from retractions as r
    group by r.claim_id
    having max_by(r.withdrawn, r.recorded_at)
)
select count(distinct j.fact_id) as num_slots
from judged_rows as j
inner join claims as c on j.fact_id = c.fact_id and j.source = c.source
anti join several as s on j.relation = s.relation
anti join withdrawn as w on c.claim_id = w.claim_id
where j.verdict is null
    and lower(j.value) <> lower(c.value)
    and coalesce(j.observed_at, j.valid_from, j.valid_to) is null
    and coalesce(c.observed_at, c.valid_from, c.valid_to) is null
    and c.claim_id not in (select k.claim_id from judged_rows as k where k.claim_id is not null)

-- name: doubt_values
-- Values that may stand for none: what people write for it, and what many subjects have where nearly all
-- others have a value of their own. A code of one subject among codes of its length is none: Namibia's NA.
-- At most ten.
-- grain: one row per (relation, value)
-- params: $markers (in lower case)
-- reads: judged_rows
with held as (
    select
        j.relation,
        j.value,
        count(distinct j.fact_id) as num_subjects
    from judged_rows as j
    where j.verdict is null and j.value <> '(forgotten)'
    group by j.relation, j.value
),
beside as (
    select
        h.*,
        sum(h.num_subjects) over (partition by h.relation) - h.num_subjects as num_others,
        count(*) filter (h.num_subjects = 1) over (partition by h.relation) as num_own,
        min(length(h.value)) over (partition by h.relation)
        = max(length(h.value)) over (partition by h.relation) as is_of_one_length
    from held as h
),
judged as (
    select
        b.*,
        b.num_subjects >= greatest(3, 0.01 * b.num_others)
        and b.num_others >= 10
        and b.num_own >= 0.95 * b.num_others as is_common,
        b.is_of_one_length and b.num_subjects = 1 and b.num_others >= 10 as is_code
    from beside as b
)
select
    g.relation,
    g.value,
    g.num_subjects,
    g.is_common
from judged as g
where g.is_common
    or (lower(g.value) in (select unnest($markers::varchar[])) and not g.is_code)
order by g.num_subjects desc, g.relation, g.value
limit 10
