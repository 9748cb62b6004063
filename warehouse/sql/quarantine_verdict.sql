-- Why a row that was put right is still refused; nothing if it is not.
-- grain: one row per refused row
-- reads: judged_rows
select
    j.verdict.field as field,
    j.verdict.reason as reason,
    j.verdict.explanation as explanation
from judged_rows as j
where j.verdict is not null
