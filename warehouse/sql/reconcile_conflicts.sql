-- Ties, for people to settle: slots whose best values are equal in everything the rule looks at.
-- grain: one row per fact_id
insert into conflicts
select
    s.fact_id,
    min(t.subject) as subject,
    min(t.relation) as relation,
    list_sort(list_distinct(list(s.value))) as "values",
    list_sort(list_distinct(list(s.source))) as sources,
    list_sort(list(c.claim_id)) as claim_ids,
    'equal in ' || array_to_string(any_value(v.criteria), ', ')
    || ': give one source more authority, or date the observations' as explanation
from standings as s
inner join ranked_values as v on s.slot = v.slot and s.key_hash = v.key_hash
inner join scoped_claims as c on s.claim_no = c.claim_no
inner join slots as t on s.fact_id = t.fact_id
where s.standing = 'valid' and v.outcome = 'tie'
group by s.fact_id
order by s.fact_id
