-- Keep how many phrasings each fact lost because others share them.
-- grain: one row per fact_id
-- reads: ambiguous
insert into ambiguous_prompts
select
    a.fact_id,
    len(a.prompts) as num_prompts
from ambiguous as a
