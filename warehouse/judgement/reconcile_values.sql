-- The values that the valid claims give each slot, with the outcome of those that nothing contests: the
-- only value, and the members of a set. reconcile_contests.sql settles the others.
-- grain: one row per (slot, key_hash)
-- reads: standings, rules, probabilities
create or replace temp table claimed_values as
with said as (
    select
        s.slot,
        s.key_hash,
        min(s.rule_id) as rule_id,
        min(s.claim_no) as claim_no,
        count(*) as num_claims,
        least_distinct(s.source_hash) as least_sources,
        max(s.strength) as strength
    from standings as s
    where s.standing = 'valid'
    group by s.slot, s.key_hash
),
sizes as (
    select
        v.slot,
        count(*) as num_values
    from said as v
    group by v.slot
)
select
    v.*,
    z.num_values,
    p.probability,
    case
        when r.slot = 'multi_valued' then 'member'
        when z.num_values = 1 then 'winner'
    end as outcome
from said as v
inner join sizes as z on v.slot = z.slot
inner join rules as r on v.rule_id = r.rule_id
left join probabilities as p on v.slot = p.slot and v.key_hash = p.key_hash
