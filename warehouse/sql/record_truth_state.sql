-- Keep one table of what truth discovery found about a relation, in place of the one before.
-- grain: one row per (relation, name)
-- params: $relation, $part, $content, $snapshot_hash
insert into truth_states
values ($relation, $part, $content, $snapshot_hash)
