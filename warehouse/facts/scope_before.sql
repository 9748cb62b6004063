-- What was decided about the part that is judged again, and where the tables, which only grow, ended.
-- grain: none (definitions)
-- reads: decisions_before, facts_before
create or replace temp view old_decisions as
select d.*
from decisions_before as d;

create or replace temp view old_facts as
select f.*
from facts_before as f;

set variable last_decision_no = (select coalesce(max(d.rowid), -1) from decisions as d);

set variable last_fact_no = (select coalesce(max(f.rowid), -1) from facts as f)
