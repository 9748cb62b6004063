-- Where no values compete, none was beaten and none is more general than another.
-- grain: none (definitions)
create or replace temp table losses (
    slot ubigint, key_hash ubigint, lost_on varchar, had double, needed double
);

create or replace temp table general_values (slot ubigint, key_hash ubigint)
