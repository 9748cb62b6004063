-- Among supposed claims, none is a bad import: it is left out.
-- grain: no row
create or replace temp table bad_imports as
select
    0::bigint as claim_no,
    ''::varchar as reason
where false
