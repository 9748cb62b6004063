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

-- The text of a float: a whole one as an integer is written, none for NaN.
create or replace temp macro float_text(x) as
    case
        when isnan(x) then null
        when x = trunc(x) then coalesce(try_cast(x::varchar as decimal(38, 0))::varchar, x::varchar)
        else x::varchar
    end;

-- The text of a time, given with what the clocks of its zone showed: at midnight it is the day, whatever
-- else the column holds.
create or replace temp macro moment_text(x, local) as
    case
        when isfinite(x) and local = date_trunc('day', local) then cast(cast(local as date) as varchar)
        else cast(x as varchar)
    end;

-- The text of a value of JSON: a number as it is written, but a whole one as an integer; an object or
-- a list as JSON.
create or replace temp macro json_text(x) as
    case
        when json_type(x) <> 'DOUBLE' then x ->> '$'
        when regexp_full_match(x::varchar, '-?\d+(\.\d*[1-9]\d*)?')
            or not isfinite(try_cast(x::varchar as double))
            then x::varchar
        else float_text(try_cast(x::varchar as double))
    end;

-- What counts of a name; the same as warehouse/normal.py. Empty where nothing can be seen of it.
create or replace temp macro name_key(x) as
    case
        when strlen(x) = length(x) and not contains(x, '''') then x
        else normal_form(
            translate(
                regexp_replace(
                    x,
                    '[\x{00ad}\x{034f}\x{061c}\x{115f}\x{1160}\x{17b4}\x{17b5}\x{180b}-\x{180f}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{206f}\x{3164}\x{fe00}-\x{fe0f}\x{feff}\x{ffa0}\x{fff9}-\x{fffb}\x{e0000}-\x{e0fff}]',
                    '',
                    'g'
                ),
                '''‘‚‛′‹›ʹʻʼʽ´“”„‟″«»「」『』〝〞〟‐‑‒–—―−⁃﹘﹣⸺⸻˗！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［＼］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～',
                '’’’’’’’’’’’’""""""""""""""-------------!"#$%&’()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~'
            )
        )
    end;

-- A relation by its plain name.
create or replace temp macro relation_name(x) as
    replace(name_key(x), '’', '''');

-- Identity of a slot, and of its fact: stable over time, since it covers what counts of the names of
-- subject and relation only.
create or replace temp macro slot_id(subject, relation) as
    left(sha256(to_json([name_key(subject), name_key(relation)])::varchar), 16);

-- A text as a number of 64 bits, whatever the machine: the same as md5_number_lower, which takes a detour
-- over text (DuckDB 2.0).
create or replace temp macro text_number(x) as
    (md5_number(x) >> 64)::ubigint;

-- Whether a text given as valid_from, or as valid_to, says that there is no such day.
create or replace temp macro is_open_start(x) as
    x like '0001%' or lower(x) = '-infinity';
create or replace temp macro is_open_end(x) as
    x like '9999%' or lower(x) = 'infinity';

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

-- The key of a value that needs no thought: a text or code in plain ASCII; null where its kind must say.
-- What has odd white space, quotes that may enclose all of it, or a separator at its end is left to
-- warehouse/values/texts.py; a test holds both equal.
create or replace temp macro fast_key(kind, x) as
    case
        when strlen(x) <> length(x) then null
        when kind = 'text'
            then case when not regexp_matches(x, '^ |  |[,; ]$|[\x00-\x1f"`]|^$') then lower(x) end
        when kind = 'code' then case when not regexp_matches(x, '^ | $|[\x00-\x1f]|^$') then x end
    end;

-- What a value has to show, by the criteria of its rule (`ranking`: their numbers among authority, recency,
-- agreement, truth), as a list of numbers that is compared from the left: the authority and the dates of
-- its strongest claim (the date from which it holds, then that of the observation, as a day number), how
-- many sources say so, how probable it is.
create or replace temp macro rank_of(ranking, authority, since, observed_on, num_sources, probability) as
    list_select(
        [
            authority,
            datediff('day', date '0001-01-01', since)
            + datediff('day', date '0001-01-01', observed_on) / 1e7,
            num_sources::double,
            probability
        ],
        ranking
    );

-- Whether a text is a number. To try them all is slow, and most begin as none does: with neither white
-- space, sign, point nor digit (all before ':'), nor as infinity and nan.
create or replace temp macro is_number(x) as
    (x < ':' or x[1] in ('i', 'I', 'n', 'N')) and try_cast(x as double) is not null;

-- How many different hashes there are at least: the bits of a number that they set. As many as there are
-- rows: then none repeats, and nothing need be grouped to know it.
create or replace temp macro least_distinct(hashes) as
    bit_count(bit_or(1::ubigint << (hashes & 63)));
