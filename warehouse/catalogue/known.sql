-- name: known_now
-- The slots and the rows that assert claims, where everything counts: nothing need be asked for.
-- grain: none (definitions)
create or replace temp view known_origins as
select o.*
from origins as o;

create or replace temp view known_slots as
select s.*
from slots as s
