-- name: duplicates_foreign
-- The texts of slots that are not plain ASCII.
-- grain: one row per text, ordered
-- reads: suspects (the Arrow table of the slots)
with texts as (
    select s.subject as text from suspects as s
    union
    select s.relation as text from suspects as s
    union
    select s.question as text from suspects as s
)
select t.text
from texts as t
where strlen(t.text) <> length(t.text)
order by t.text
