-- Values that lost to one that they are more general than: France, where the answer is Paris. Their
-- claims support the answer.
-- grain: one row per (fact_id, value_key)
-- reads: ranked_values, value_support (fact_id, value_key, other_key, support)
create or replace temp table general_values as
select distinct
    v.fact_id,
    v.value_key
from ranked_values as v
inner join value_support as s
    on v.fact_id = s.fact_id and v.value_key = s.value_key and v.leader_key = s.other_key
inner join ranked_values as w
    on v.fact_id = w.fact_id and v.leader_key = w.value_key and w.outcome = 'winner'
where v.outcome = 'beaten' and s.support >= 1
