-- Rows of the batch in normal form, with what is missing filled by the stated defaults.
-- A null relation is the prompt without its subject; a null question is the cloze. A subject stays as it
-- is spelled, a relation has one spelling.
-- grain: one row per input row
-- reads: batch (the Arrow table of a ClaimBatch)
create or replace temp table read_rows as
with filled_rows as (
    select
        b.row,
        b.view,
        b.broken,
        contains(
            concat(
                b.subject, b.relation, b.value, b.question, b.cloze, b.source,
                array_to_string(b.paraphrases, ''), array_to_string(b.aliases, '')
            ),
            chr(0)
        ) as has_nul,
        case when name_key(filled(b.subject)) <> '' then filled(b.subject) end as subject,
        filled(b.relation) as relation,
        filled(b.value) as value,
        filled(b.question) as question,
        filled(b.cloze) as cloze,
        filled_list(b.paraphrases) as paraphrases,
        filled_list(b.aliases) as aliases,
        filled(b.source) as source,
        filled(b.authority) as authority,
        filled(b.observed_at) as observed_at,
        filled(b.valid_from) as valid_from,
        filled(b.valid_to) as valid_to
    from batch as b
)
select
    f.row,
    f.view,
    f.broken,
    f.has_nul,
    f.subject,
    f.relation as given_relation,
    nullif(
        relation_name(
            coalesce(f.relation, filled(replace(coalesce(f.cloze, f.question), f.subject, ' ')))
        ),
        ''
    ) as relation,
    f.value,
    coalesce(f.question, f.cloze) as question,
    f.cloze,
    case when f.question is null then 'cloze' else 'question' end as prompt_kind,
    f.paraphrases,
    f.aliases,
    f.source,
    f.authority as authority_text,
    coalesce(try_cast(f.authority as double), case when f.authority is null then 1.0 end)
        as authority,
    f.observed_at as observed_at_text,
    last_day_of(f.observed_at) as observed_at,
    f.valid_from as valid_from_text,
    case when is_open_start(f.valid_from) then null else first_day(f.valid_from) end as valid_from,
    f.valid_to as valid_to_text,
    case when is_open_end(f.valid_to) then null else last_day_of(f.valid_to) end as valid_to
from filled_rows as f
