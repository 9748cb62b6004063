-- name: check_ingest
-- fail: a batch of which some row is neither a claim, nor a duplicate, nor in quarantine.
-- grain: one row per offending batch
-- params: $content_hash
select
    i.num_rows,
    i.num_accepted,
    i.num_duplicates,
    i.num_quarantined
from ingests as i
where i.content_hash = $content_hash
    and i.num_rows <> i.num_accepted + i.num_duplicates + i.num_quarantined

-- name: ingest_known_broken
-- Rows that could not be read and were put into quarantine before, as they still are.
-- grain: one row per row number
-- params: $source
-- reads: batch, raw_rows, files
select distinct b.row
from batch as b
inner join raw_rows as r on b.row = r.row
inner join files as p on b.row between p.first_row and p.last_row
inner join quarantine as q
    on q.file = p.file and q.row = b.row - p.first_row + 1 and q.raw = r.text
where b.broken is not null and q.source = $source and q.reason = 'malformed_row'

-- name: ingest_origins
-- Keep where each claim was asserted, every time that it was.
-- grain: one row per accepted or duplicate input row
-- params: $content_hash
-- reads: files (the files by the first of their rows), judged_rows
insert into origins
select
    j.claim_id,
    p.file,
    j.row - p.first_row + 1 as row,
    $content_hash as content_hash
from judged_rows as j
inner join files as p on j.row between p.first_row and p.last_row
where j.verdict is null

-- name: ingest_receipt
-- What became of a batch taken in; no row if it never was.
-- grain: at most one row
-- params: $content_hash
select
    i.num_rows,
    i.num_accepted,
    i.num_duplicates,
    i.num_quarantined
from ingests as i
where i.content_hash = $content_hash

-- name: ingest_slots
-- Add the slots that claims are now about.
-- grain: one row per new fact_id
-- reads: judged_rows
insert into slots
select
    j.fact_id,
    min(j.subject) as subject,
    any_value(j.relation) as relation
from judged_rows as j
anti join slots as s on j.fact_id = s.fact_id
where j.verdict is null
group by j.fact_id

-- name: relations_clash
-- Relations that another source declared differently.
-- grain: one row per (relation, other source)
-- params: $source, $relations, $rules (two lists of equal length)
with declared as (
    select
        relation_name(normal_form(unnest($relations::varchar[]))) as relation,
        unnest($rules::varchar[]) as rule
),
current_rules as (
    select
        r.relation,
        r.source,
        r.rule
    from relations as r
    where r.source <> $source
    qualify row_number() over (partition by r.relation, r.source order by r.recorded_at desc) = 1
)
select
    r.relation,
    r.source,
    r.rule as theirs,
    d.rule as ours
from declared as d
inner join current_rules as r on d.relation = r.relation
where r.rule <> d.rule
order by r.relation, r.source

-- name: relations_declare
-- Keep what a source now declares about relations; what it declared before stays, as of its time.
-- grain: one row per new (relation, source, rule)
-- params: $source, $relations, $rules (two lists of equal length), $recorded_at
insert into relations
with declared as (
    select
        relation_name(normal_form(unnest($relations::varchar[]))) as relation,
        unnest($rules::varchar[]) as rule
),
current_rules as (
    select
        r.relation,
        r.rule
    from relations as r
    where r.source = $source
    qualify row_number() over (partition by r.relation order by r.recorded_at desc) = 1
)
select
    d.relation,
    $source as source,
    d.rule,
    $recorded_at as recorded_at
from declared as d
left join current_rules as c on d.relation = c.relation
where c.rule is distinct from d.rule
