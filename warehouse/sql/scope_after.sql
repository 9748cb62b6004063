-- What is now decided about the part that was judged.
-- grain: none (definitions)
create or replace temp view judged_decisions as
select d.*
from decisions_after as d;

create or replace temp view judged_facts as
select f.*
from facts_after as f
