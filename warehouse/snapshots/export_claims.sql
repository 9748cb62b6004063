-- Every claim with its status, the reason, and where it was first asserted (by file and row, so that
-- the order of ingestion does not matter). What is to be forgotten is published without its text.
-- grain: one row per claim_id
-- reads: known_origins
with repeated as (
    select hash(o.claim_id) as claim_hash
    from known_origins as o
    group by hash(o.claim_id)
    having count(*) > 1
),
firsts as (
    select
        o.claim_id,
        o.file,
        o.row
    from known_origins as o
    anti join repeated as r on hash(o.claim_id) = r.claim_hash
    union all
    select
        o.claim_id,
        min({'file': o.file, 'row': o.row}).file as file,
        min({'file': o.file, 'row': o.row}).row as row
    from known_origins as o
    semi join repeated as r on hash(o.claim_id) = r.claim_hash
    group by o.claim_id
)
select
    c.claim_id,
    c.fact_id,
    c.subject,
    c.relation,
    case when d.status = 'forgotten' then '(forgotten)' else c.value end as value,
    case when d.status = 'forgotten' then '(forgotten)' else c.question end as question,
    case when d.status = 'forgotten' then null else c.cloze end as cloze,
    case when d.status = 'forgotten' then []::varchar[] else c.paraphrases end as paraphrases,
    case when d.status = 'forgotten' then []::varchar[] else c.aliases end as aliases,
    c.source,
    c.authority,
    c.observed_at,
    c.valid_from,
    c.valid_to,
    d.status,
    d.reason,
    f.file,
    f.row
from claims as c
inner join decisions as d on c.claim_id = d.claim_id and d.recorded_to is null
inner join firsts as f on c.claim_id = f.claim_id
order by c.fact_id, c.claim_id
