-- Ties, for people to settle: slots whose best values are equal in everything the rule looks at.
-- grain: one row per fact_id
-- reads: standings, ranked_values, rules, scoped_claims
insert into conflicts
select
    c.fact_id,
    any_value(c.subject) as subject,
    any_value(c.relation) as relation,
    list_sort(list_distinct(list(c.value))) as "values",
    list_sort(list_distinct(list(c.source))) as sources,
    list_sort(list(c.claim_id)) as claim_ids,
    'equal in ' || array_to_string(any_value(r.criteria), ', ')
    || ': give one source more authority, or date the observations' as explanation
from standings as s
inner join ranked_values as v on s.slot = v.slot and s.key_hash = v.key_hash
inner join rules as r on v.rule_id = r.rule_id
inner join scoped_claims as c on s.claim_no = c.claim_no
where s.standing = 'valid' and v.outcome = 'tie'
group by c.fact_id
order by c.fact_id
