-- The claims that support the answer of each slot that has one, those of a more general value apart:
-- they give it no phrasing.
-- grain: one row per claim_no
-- reads: standings, ranked_values, general_values
create or replace temp table supporting as
select
    s.claim_no,
    s.slot,
    s.strength,
    g.slot is not null as is_general
from standings as s
inner join ranked_values as v on s.slot = v.slot and s.key_hash = v.key_hash
left join general_values as g on s.slot = g.slot and s.key_hash = g.key_hash
where s.standing = 'valid' and (v.outcome in ('winner', 'member') or g.slot is not null)
