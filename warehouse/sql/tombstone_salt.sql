-- The salt of this catalogue's tombstones: one for all, so that a row is hashed once.
-- grain: at most one row
select t.salt
from tombstones as t
limit 1
