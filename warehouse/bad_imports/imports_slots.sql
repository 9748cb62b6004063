-- The slots in which a bad import could show: those of the watched days and numbers about which not
-- all dated claims agree.
-- grain: one row per fact_id
-- reads: watched_days, number_relations, known_claims
create or replace temp table watched_slots as
with watched as (
    select c.fact_id
    from known_claims as c
    semi join watched_days as d
        on c.source = d.source and c.relation = d.relation and c.observed_at = d.observed_at
    union
    select c.fact_id
    from known_claims as c
    semi join number_relations as n on c.relation = n.relation
    where c.observed_at is not null
)
select c.fact_id
from known_claims as c
semi join watched as w on c.fact_id = w.fact_id
where c.observed_at is not null
group by c.fact_id
having min(c.value) <> max(c.value)
