-- Each row with the first reason not to take it in (null: it is a claim), and its identities.
-- grain: one row per input row
-- params: $latest (the last day an observation can have), $max_value_chars
-- reads: read_rows
create or replace temp table judged_rows as
with judged as (
    select
        r.*,
        case
            when r.broken is not null then {'field': null, 'reason': 'malformed_row', 'explanation': r.broken}
            when r.has_nul then {'field': null, 'reason': 'nul_byte', 'explanation': 'a NUL byte in the text: the file was probably cut or is binary; export it again'}
            when r.subject is null then {'field': 'subject', 'reason': 'missing_subject', 'explanation': 'the subject is null, empty or NaN; say what the claim is about'}
            when r.value is null then {'field': 'value', 'reason': 'missing_value', 'explanation': 'the value is null, empty or NaN; give a value or leave the row out'}
            when r.question is null then {'field': 'question', 'reason': 'missing_prompt', 'explanation': 'there is neither a question nor a cloze; map one, or give a template'}
            when r.relation is null then {'field': 'relation', 'reason': 'missing_relation', 'explanation': 'there is no relation, and the prompt without its subject is empty; map a relation'}
            when r.source is null then {'field': 'source', 'reason': 'missing_source', 'explanation': 'the source is null or empty; name it in the mapping'}
            when length(r.value) > $max_value_chars then {'field': 'value', 'reason': 'value_too_long', 'explanation': 'the value has ' || length(r.value) || ' characters, at most ' || $max_value_chars || ' are taken; shorten it'}
            when r.authority is null or not isfinite(r.authority) then {'field': 'authority', 'reason': 'wrong_type', 'explanation': 'authority ' || to_json(r.authority_text) || ' is not a finite number; larger numbers win'}
            when r.observed_at_text is not null and r.observed_at is null then {'field': 'observed_at', 'reason': 'wrong_type', 'explanation': 'observed_at ' || to_json(r.observed_at_text) || ' is not a date such as 2015, 2015-03 or 2015-03-09'}
            when not is_open_start(r.valid_from_text) and r.valid_from is null then {'field': 'valid_from', 'reason': 'wrong_type', 'explanation': 'valid_from ' || to_json(r.valid_from_text) || ' is not a date such as 2015, 2015-03 or 2015-03-09'}
            when not is_open_end(r.valid_to_text) and r.valid_to is null then {'field': 'valid_to', 'reason': 'wrong_type', 'explanation': 'valid_to ' || to_json(r.valid_to_text) || ' is not a date such as 2015, 2015-03 or 2015-03-09'}
            when r.observed_at > $latest then {'field': 'observed_at', 'reason': 'implausible_date', 'explanation': 'observed_at ' || r.observed_at || ' lies in the future'}
            when year(r.observed_at) < 1000 then {'field': 'observed_at', 'reason': 'implausible_date', 'explanation': 'observed_at ' || r.observed_at || ' lies before the year 1000'}
            when year(r.valid_from) not between 1000 and 2200 then {'field': 'valid_from', 'reason': 'implausible_date', 'explanation': 'valid_from ' || r.valid_from || ' lies outside the years 1000 to 2200'}
            when year(r.valid_to) not between 1000 and 2200 then {'field': 'valid_to', 'reason': 'implausible_date', 'explanation': 'valid_to ' || r.valid_to || ' lies outside the years 1000 to 2200; leave it empty if it is open'}
            when r.valid_from > r.valid_to then {'field': 'valid_from', 'reason': 'implausible_date', 'explanation': 'valid_from ' || r.valid_from || ' lies after valid_to ' || r.valid_to}
        end as verdict
    from read_rows as r
)
select
    j.*,
    case
        when j.verdict is null then sha256(
            to_json([
                j.subject, j.relation, j.value, j.question, j.cloze, j.source,
                j.authority::varchar, j.observed_at::varchar, j.valid_from::varchar,
                j.valid_to::varchar
            ])::varchar
            || to_json([j.paraphrases, j.aliases])::varchar
        )
    end as claim_id,
    case when j.verdict is null then slot_id(j.subject, j.relation) end as fact_id,
    case
        when j.verdict is not null then to_json({
            'subject': j.subject, 'relation': j.given_relation, 'value': j.value,
            'question': case when j.prompt_kind = 'question' then j.question end,
            'cloze': j.cloze, 'paraphrases': j.paraphrases, 'aliases': j.aliases,
            'source': j.source, 'authority': j.authority_text,
            'observed_at': j.observed_at_text, 'valid_from': j.valid_from_text,
            'valid_to': j.valid_to_text
        })::varchar
    end as fields
from judged as j
