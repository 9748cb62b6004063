-- The words that every other query shares, as macros of the session.
-- grain: none (definitions)

-- Normal form of a text; the same as warehouse/normal.py. Plain ASCII without odd white space, which
-- is nearly everything, skips the regular expression.
create or replace temp macro normal_form(x) as
    case
        when strlen(x) = length(x) and not regexp_matches(x, '^ |  | $|[\x00-\x1f]') then x
        else trim(regexp_replace(nfc_normalize(x), '[\s\x0b\x1c-\x1f\x85\p{Z}]+', ' ', 'g'))
    end;

-- A text in normal form, or null when nothing is left: null, empty and the float NaN are one thing.
create or replace temp macro filled(x) as
    nullif(nullif(normal_form(x), ''), 'NaN');

-- A list of texts in normal form: distinct, sorted, without empty ones.
create or replace temp macro filled_list(x) as
    coalesce(
        list_sort(list_distinct(list_filter(list_transform(x, lambda e: filled(e)), lambda e: e is not null))),
        []::varchar[]
    );

-- Identity of a slot, and of its fact: stable over time, since it covers subject and relation only.
create or replace temp macro slot_id(subject, relation) as
    left(sha256(to_json([subject, relation])::varchar), 16);

-- A text as a number of 64 bits, whatever the machine: the same as md5_number_lower, which takes a detour
-- over text (DuckDB 2.0).
create or replace temp macro text_number(x) as
    (md5_number(x) >> 64)::ubigint;

-- First day of a date given as 2015, 2015-03, 2015-03-09 or a timestamp; null if it is none of them.
create or replace temp macro first_day(x) as
    case
        when regexp_matches(x, '^\d{4}$') then try_cast(x || '-01-01' as date)
        when regexp_matches(x, '^\d{4}-\d{2}$') then try_cast(x || '-01' as date)
        when regexp_matches(x, '^\d{4}-\d{2}-\d{2}([T ].*)?$') then try_cast(left(x, 10) as date)
    end;

-- Last day of a date given as 2015, 2015-03, 2015-03-09 or a timestamp; null if it is none of them.
create or replace temp macro last_day_of(x) as
    case
        when regexp_matches(x, '^\d{4}$') then try_cast(x || '-12-31' as date)
        when regexp_matches(x, '^\d{4}-\d{2}$') then last_day(try_cast(x || '-01' as date))
        when regexp_matches(x, '^\d{4}-\d{2}-\d{2}([T ].*)?$') then try_cast(left(x, 10) as date)
    end;
