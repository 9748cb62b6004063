-- All texts that the catalogue holds of a slot: to be looked for, and to be gone.
-- grain: one row per distinct text
-- params: $fact_ids
with texts as (
    select 'value' as kind, c.value as text
    from claims as c
    where c.fact_id in (select unnest($fact_ids::varchar[]))
    union all
    select 'value' as kind, f.answer as text
    from facts as f
    where f.fact_id in (select unnest($fact_ids::varchar[]))
    union all
    select 'value' as kind, unnest(f."values") as text
    from facts as f
    where f.fact_id in (select unnest($fact_ids::varchar[]))
    union all
    select 'value' as kind, unnest(c.aliases) as text
    from claims as c
    where c.fact_id in (select unnest($fact_ids::varchar[]))
    union all
    select 'prompt' as kind, unnest(f.prompts) as text
    from facts as f
    where f.fact_id in (select unnest($fact_ids::varchar[]))
    union all
    select 'prompt' as kind, unnest(list_concat([c.question, c.cloze], c.paraphrases)) as text
    from claims as c
    where c.fact_id in (select unnest($fact_ids::varchar[]))
)
select distinct
    t.kind,
    t.text
from texts as t
where t.text is not null and t.text <> ''
order by t.kind, t.text
