-- Take the text out of refused rows that name the slot's subject beside one of its values: a row of a
-- table that was refused for another column. Such a row cannot be put right any more.
-- grain: one row per refused row
-- params: $subjects, $values
update quarantine as q
set
    raw = '(forgotten)',
    fields = null,
    recipe = null,
    explanation = '(forgotten)'
where exists (
        select 1
        from (select unnest($subjects::varchar[]) as name) as s
        where contains(normal_form(q.raw), s.name)
    )
    and exists (
        select 1
        from (select unnest($values::varchar[]) as value) as v
        where contains(normal_form(q.raw), v.value)
    )
