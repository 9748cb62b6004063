-- Which of the texts claims about other slots hold too: finding those proves nothing.
-- grain: one row per text
-- params: $texts, $fact_ids
select distinct g.text
from (select unnest($texts::varchar[]) as text) as g
inner join claims as c
    on contains(c.value, g.text) or contains(c.subject, g.text) or contains(c.question, g.text)
where c.fact_id not in (select unnest($fact_ids::varchar[]))
order by g.text
