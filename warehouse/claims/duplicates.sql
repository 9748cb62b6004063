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

-- name: duplicates_macros
-- The words of texts, as duplicates compare them.
-- grain: none (definitions)

-- The words of a text in Latin letters.
create or replace temp macro words_of(x) as
    list_filter(
        string_split(regexp_replace(replace(lower(x), '''', ''), '[^a-z0-9+#&]+', ' ', 'g'), ' '),
        lambda w: w <> '' and w <> 'the'
    );

-- The words of one form that another lacks.
create or replace temp macro words_without(form, other_form) as
    list_filter(
        list_distinct(string_split(form, ' ')),
        lambda w: not list_contains(string_split(other_form, ' '), w)
    );
