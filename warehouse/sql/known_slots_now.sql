-- The slots, where everything counts: no claim need be asked for.
-- grain: none (a definition)
create or replace temp view known_slots as
select s.*
from slots as s
