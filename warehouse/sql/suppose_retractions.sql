-- Among supposed claims, none is withdrawn: it is left out.
-- grain: no row
create or replace temp table known_retractions as
select
    ''::varchar as claim_id,
    ''::varchar as reason
where false
