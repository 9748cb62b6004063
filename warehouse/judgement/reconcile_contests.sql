-- Which of the competing values of a slot wins, by the criteria of its relation's rule.
-- What a value has to show is the strength of its strongest claim, how many sources say so and its
-- probability. What can be shown at all is put in order once (`ranks`, by the macro rank_of), so that
-- values are compared by one number. Where several are equally strong, the first key in alphabetical
-- order is their leader.
-- grain: one row per (slot, key_hash) added
-- reads: claimed_values, standings, strengths, rules, keyed_claims, ranked_values
insert into ranked_values
with repeated as (
    select
        c.slot,
        c.key_hash
    from claimed_values as c
    where c.outcome is null and c.least_sources < c.num_claims
),
voices as (
    select distinct
        s.slot,
        s.key_hash,
        s.source_hash
    from standings as s
    semi join repeated as r on s.slot = r.slot and s.key_hash = r.key_hash
    where s.standing = 'valid'
),
agreement as (
    select
        v.slot,
        v.key_hash,
        count(*) as num_sources
    from voices as v
    group by v.slot, v.key_hash
),
contested as (
    select
        c.* exclude (outcome, num_claims, least_sources),
        coalesce(a.num_sources, c.num_claims) as num_sources,
        coalesce(c.probability, 0) as truth
    from claimed_values as c
    left join agreement as a on c.slot = a.slot and c.key_hash = a.key_hash
    where c.outcome is null
),
shown as (
    select distinct
        c.rule_id,
        c.strength,
        c.num_sources,
        c.truth
    from contested as c
),
ranks as (
    select
        s.*,
        dense_rank() over (
            order by
                s.rule_id, rank_of(r.ranking, t.authority, t.since, t.observed_on, s.num_sources, s.truth)
        ) as rank
    from shown as s
    inner join rules as r on s.rule_id = r.rule_id
    inner join strengths as t on s.strength = t.strength
),
ranked as (
    select
        c.*,
        k.rank
    from contested as c
    inner join ranks as k
        on c.rule_id = k.rule_id and c.strength = k.strength and c.num_sources = k.num_sources
        and c.truth = k.truth
),
contests as (
    select
        r.slot,
        max(r.rank) as best_rank,
        arg_max(r.key_hash, r.rank) as leader_hash
    from ranked as r
    group by r.slot
),
compared as (
    select
        r.*,
        c.best_rank,
        c.leader_hash
    from ranked as r
    inner join contests as c on r.slot = c.slot
),
tied as (
    select distinct c.slot
    from compared as c
    where c.rank = c.best_rank and c.key_hash <> c.leader_hash
),
first_of_tied as (
    select
        c.slot,
        arg_min(c.key_hash, coalesce(s.merged_key, k.value_key)) as leader_hash
    from compared as c
    semi join tied as t on c.slot = t.slot
    inner join standings as s on c.claim_no = s.claim_no
    inner join keyed_claims as k on c.claim_no = k.claim_no
    where c.rank = c.best_rank
    group by c.slot
)
select
    c.slot,
    c.key_hash,
    c.rule_id,
    c.num_values,
    c.probability,
    case
        when c.rank < c.best_rank then 'beaten'
        when f.slot is not null then 'tie'
        else 'winner'
    end as outcome,
    c.strength,
    c.num_sources,
    c.truth,
    c.rank,
    coalesce(f.leader_hash, c.leader_hash) as leader_hash
from compared as c
left join first_of_tied as f on c.slot = f.slot
