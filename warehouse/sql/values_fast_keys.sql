-- The keys of values that need no thought: texts and codes in plain ASCII. What has odd white space,
-- quotes that may enclose all of it, or a separator at its end is left to warehouse/values/texts.py;
-- a test holds both equal.
-- grain: one row per row of distinct_values, in its order; value_key is null where Python must say
-- reads: distinct_values (relation, value), kinds_of_relations (relation, kind), Arrow tables
select
    v.relation,
    v.value,
    coalesce(k.kind, 'text') as kind,
    case
        when strlen(v.value) <> length(v.value) then null
        when coalesce(k.kind, 'text') = 'text' then
            case
                when not regexp_matches(v.value, '^ |  |[,; ]$|[\x00-\x1f"`]|^$') then lower(v.value)
            end
        when k.kind = 'code' then
            case when not regexp_matches(v.value, '^ | $|[\x00-\x1f]|^$') then v.value end
    end as value_key
from distinct_values as v
left join kinds_of_relations as k on v.relation = k.relation
order by v.row_index
