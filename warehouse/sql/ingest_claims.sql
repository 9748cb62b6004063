-- Append the claims that are not known yet.
-- grain: one row per new claim_id
-- params: $recorded_at
insert into claims
with firsts as (
    select j.*
    from judged_rows as j
    anti join claims as c on j.claim_id = c.claim_id
    where j.verdict is null
    qualify row_number() over (partition by j.claim_id order by j.row) = 1
)
select
    f.claim_id,
    f.fact_id,
    f.subject,
    f.relation,
    f.value,
    f.question,
    f.cloze,
    f.prompt_kind,
    f.paraphrases,
    f.aliases,
    f.source,
    f.authority,
    f.observed_at,
    f.valid_from,
    f.valid_to,
    $recorded_at as recorded_at
from firsts as f
order by f.fact_id, f.claim_id
