-- On which criterion each beaten value lost: the first in which its rank differs from its leader's, with
-- what it had and what it would have needed.
-- grain: one row per (slot, key_hash) beaten
-- reads: ranked_values, rules, strengths
create or replace temp table losses as
with compared as (
    select
        v.slot,
        v.key_hash,
        r.criteria,
        rank_of(r.ranking, t.authority, t.since, t.observed_on, v.num_sources, v.truth) as had,
        rank_of(r.ranking, u.authority, u.since, u.observed_on, l.num_sources, l.truth) as needed
    from ranked_values as v
    inner join ranked_values as l on v.slot = l.slot and v.leader_hash = l.key_hash
    inner join rules as r on v.rule_id = r.rule_id
    inner join strengths as t on v.strength = t.strength
    inner join strengths as u on l.strength = u.strength
    where v.outcome = 'beaten'
),
found as (
    select
        c.*,
        case
            when c.had[1] <> c.needed[1] then 1
            when c.had[2] <> c.needed[2] then 2
            when c.had[3] <> c.needed[3] then 3
            else 4
        end as lost_index
    from compared as c
)
select
    f.slot,
    f.key_hash,
    f.criteria[f.lost_index] as lost_on,
    f.had[f.lost_index] as had,
    f.needed[f.lost_index] as needed
from found as f
