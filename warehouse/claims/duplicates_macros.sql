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
