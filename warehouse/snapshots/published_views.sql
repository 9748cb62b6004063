-- The published snapshot as views: cd to its folder, then `duckdb -init views.sql`.
-- facts, claims, quarantine, conflicts, duplicates, timeline, sources, relations: the files as they are.
-- why: every claim beside the answer of its slot. rankings: the sources, the best of each relation first.
-- from changes('../OTHER_SNAPSHOT'): what differs here from the snapshot in that folder.
-- grain: none (definitions)
create or replace view facts as select * from 'facts.parquet';
create or replace view claims as select * from 'claims.parquet';
create or replace view quarantine as select * from 'quarantine.parquet';
create or replace view conflicts as select * from 'conflicts.parquet';
create or replace view duplicates as select * from 'duplicates.parquet';
create or replace view timeline as select * from 'timeline.parquet';
create or replace view sources as select * from 'sources.parquet';
create or replace view relations as select * from 'relations.parquet';

-- grain: one row per claim
create or replace view why as
select
    c.subject,
    c.relation,
    f.answer,
    f.probability,
    coalesce(f.needs_review, false) as needs_review,
    x.explanation as conflict,
    c.value,
    c.status,
    c.reason,
    c.source,
    c.authority,
    s.accuracy,
    s.copy_group,
    s.used_share,
    c.observed_at,
    c.valid_from,
    c.valid_to,
    c.file,
    c.row,
    c.fact_id,
    c.claim_id
from claims as c
left join facts as f on c.fact_id = f.fact_id
left join conflicts as x on c.fact_id = x.fact_id
left join sources as s on c.relation = s.relation and c.source = s.source
order by
    c.subject, c.relation, c.status <> 'used', c.authority desc, c.observed_at desc nulls last,
    c.claim_id;

-- grain: one row per (relation, source)
create or replace view rankings as
select
    row_number() over (
        partition by s.relation
        order by s.accuracy desc nulls last, s.used_share desc nulls last, s.num_used desc, s.source
    ) as position,
    s.*
from sources as s
order by s.relation, position;

-- grain: one row per fact_id that was added, changed or retired
create or replace macro changes(other) as table
select
    coalesce(n.fact_id, o.fact_id) as fact_id,
    coalesce(n.subject, o.subject) as subject,
    coalesce(n.relation, o.relation) as relation,
    case
        when o.fact_id is null then 'added'
        when n.fact_id is null then 'retired'
        else 'changed'
    end as op,
    o.answer as old_answer,
    n.answer as new_answer
from read_parquet(other || '/facts.parquet') as o
full outer join facts as n on o.fact_id = n.fact_id
where o.answer is distinct from n.answer or o.prompts is distinct from n.prompts
order by 2, 3;
