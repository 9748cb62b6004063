-- How each value is written: as its strongest claim writes it, of equal ones as most sources do, and of
-- these the one that is neither all capitals nor all small ('Lima' before 'LIMA' and 'lima').
-- The others are aliases. Of its sources the first in alphabetical order is named, of its days of validity
-- the outermost.
-- grain: one row per (slot, key_hash)
-- reads: standings, scoped_claims
create or replace temp table spellings as
with extremes as (
    select
        s.slot,
        s.key_hash,
        min(c.value) as first_value,
        max(c.value) as last_value,
        min(c.source) as first_source,
        min(c.valid_from) as valid_from,
        nullif(max(coalesce(c.valid_to, date '9999-12-31')), date '9999-12-31') as valid_to
    from standings as s
    inner join scoped_claims as c on s.claim_no = c.claim_no
    where s.standing = 'valid'
    group by s.slot, s.key_hash
),
used as (
    select
        s.slot,
        s.key_hash,
        c.value,
        any_value(e.first_source) as first_source,
        any_value(e.valid_from) as valid_from,
        any_value(e.valid_to) as valid_to,
        count(distinct s.source_hash) as num_sources,
        max(s.strength) as strength
    from standings as s
    inner join extremes as e
        on s.slot = e.slot and s.key_hash = e.key_hash and e.first_value <> e.last_value
    inner join scoped_claims as c on s.claim_no = c.claim_no
    where s.standing = 'valid'
    group by s.slot, s.key_hash, c.value
)
select
    e.slot,
    e.key_hash,
    e.first_value as value,
    []::varchar[] as others,
    e.first_source,
    e.valid_from,
    e.valid_to
from extremes as e
where e.first_value = e.last_value
union all
select
    u.slot,
    u.key_hash,
    first(
        u.value
        order by
            u.strength desc, u.num_sources desc,
            (u.value = upper(u.value) or u.value = lower(u.value)), length(u.value) desc, u.value
    ) as value,
    list(u.value order by u.value) as others,
    any_value(u.first_source) as first_source,
    any_value(u.valid_from) as valid_from,
    any_value(u.valid_to) as valid_to
from used as u
group by u.slot, u.key_hash
