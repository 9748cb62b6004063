-- The sources in order of their learned accuracy, else of the share of their valid claims that is used:
-- of one relation, or of all together (accuracies then weigh by claims).
-- grain: one row per source
-- params: $relation (null: all)
-- reads: sources (sources.parquet)
with chosen as (
    select s.*
    from sources as s
    where $relation is null or s.relation = $relation
),
copying as (
    select
        s.source,
        list_sort(list_distinct(list(t.source))) as copies_with
    from chosen as s
    inner join chosen as t
        on s.relation = t.relation and s.copy_group = t.copy_group and s.source <> t.source
    group by s.source
),
summed as (
    select
        c.source,
        sum(c.accuracy * c.num_claims) / sum(c.num_claims) filter (c.accuracy is not null)
            as accuracy,
        sum(c.num_used)
        / nullif(sum(c.num_used) + sum(c.num_contradicted) + sum(c.num_held_back), 0)
            as used_share,
        sum(c.num_claims)::bigint as num_claims,
        sum(c.num_used)::bigint as num_used,
        sum(c.num_contradicted)::bigint as num_contradicted,
        sum(c.num_outdated)::bigint as num_outdated,
        sum(c.num_held_back)::bigint as num_held_back,
        max(c.authority) as authority,
        count(*) as num_relations,
        list_sort(list_distinct(list(c.copy_group) filter (c.copy_group is not null)))
            as copy_groups
    from chosen as c
    group by c.source
)
select
    row_number() over (
        order by
            s.accuracy desc nulls last, s.used_share desc nulls last, s.num_used desc, s.source
    ) as position,
    s.source,
    s.accuracy,
    s.used_share,
    s.num_claims,
    s.num_used,
    s.num_contradicted,
    s.num_outdated,
    s.num_held_back,
    s.authority,
    s.num_relations,
    coalesce(s.copy_groups, []::varchar[]) as copy_groups,
    coalesce(p.copies_with, []::varchar[]) as copies_with
from summed as s
left join copying as p on s.source = p.source
order by position
