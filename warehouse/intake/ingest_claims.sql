-- Append the claims that are not known yet; of equal rows the first. Rows of one slot come together.
-- grain: one row per new claim_id
-- params: $recorded_at
-- reads: judged_rows
insert into claims
with suspects as (
    select hash(j.claim_id) as claim_hash
    from judged_rows as j
    where j.verdict is null
    group by hash(j.claim_id)
    having count(*) > 1
),
later as (
    select j.rowid as row_no
    from judged_rows as j
    semi join suspects as s on hash(j.claim_id) = s.claim_hash
    where j.verdict is null
    qualify row_number() over (partition by j.claim_id order by j.row, j.rowid) > 1
)
select
    j.claim_id,
    j.fact_id,
    j.subject,
    j.relation,
    j.value,
    j.question,
    j.cloze,
    j.prompt_kind,
    j.paraphrases,
    j.aliases,
    j.source,
    j.authority,
    j.observed_at,
    j.valid_from,
    j.valid_to,
    $recorded_at as recorded_at
from judged_rows as j
anti join claims as c on j.claim_id = c.claim_id
anti join later as l on j.rowid = l.row_no
where j.verdict is null
order by j.fact_id, j.claim_id
