-- Record that a schema version was applied.
-- grain: one row added
-- params: $version, $now
insert into schema_version values ($version, $now)
