-- fail: groups that two facts own (capacity 1).
-- grain: one row per offending group
-- params: $geometry
select
    a.group_index as offender,
    count(*) || ' facts' as detail
from assignment as a
where a.geometry = $geometry
group by a.group_index
having count(*) > 1
order by a.group_index
