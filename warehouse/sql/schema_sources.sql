-- What sources need beside the tables of schema.sql; run right after it, also on older catalogues.
-- grain: none (definitions)

-- One row per batch settled: a source as it was taken in, and again when a full extract returns to
-- an earlier content. The highest number of a source is its present state.
create table if not exists batches (
    number bigint, source varchar, content_hash varchar, extract varchar, num_source_rows bigint,
    watermark_column varchar, watermark varchar, version bigint, warnings varchar[],
    recorded_at timestamp
);

-- Quarantine: one row per refused input row. `fields` is what the mapping made of it and `recipe`
-- how (field: column or templates), both JSON, so that it can be put right and taken in later;
-- it is then marked by `replayed_at` and `claim_id`, and never deleted.
alter table quarantine add column if not exists quarantine_id varchar;
alter table quarantine add column if not exists line bigint;
alter table quarantine add column if not exists "column" varchar;
alter table quarantine add column if not exists fact_id varchar;
alter table quarantine add column if not exists fields varchar;
alter table quarantine add column if not exists recipe varchar;
alter table quarantine add column if not exists recorded_at timestamp;
alter table quarantine add column if not exists replayed_at timestamp;
alter table quarantine add column if not exists claim_id varchar;

-- Retractions: the latest row of a claim decides. `withdrawn` false lifts the earlier ones; `source`
-- is the full extract that no longer asserts the claim, null where a person withdrew it.
alter table retractions add column if not exists withdrawn boolean default true;
alter table retractions add column if not exists source varchar;
