-- Whether any day or any column of numbers is watched.
-- grain: one row
-- reads: watched_days, number_relations
select
    exists (select 1 from watched_days)
    or exists (select 1 from number_relations) as are_watched
