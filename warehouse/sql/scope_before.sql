-- What was decided about the part that is judged again.
-- grain: none (definitions)
create or replace temp view old_decisions as
select d.*
from decisions_before as d;

create or replace temp view old_facts as
select f.*
from facts_before as f
