-- The rule of each relation that has one declared, and the default for all others (null relation).
-- grain: one row per relation
-- reads: rule_table (relation, rule_id, slot, criteria, kind and more)
create or replace temp table rules as
select r.*
from rule_table as r
