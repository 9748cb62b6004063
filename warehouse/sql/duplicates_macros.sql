-- The words of a text in Latin letters, as duplicates compare them.
-- grain: none (definitions)
create or replace temp macro words_of(x) as
    list_filter(
        string_split(regexp_replace(replace(lower(x), '''', ''), '[^a-z0-9+#&]+', ' ', 'g'), ' '),
        lambda w: w <> '' and w <> 'the'
    );
