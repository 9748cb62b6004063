-- Tables of the catalogue, version 1. Claims are appended and never edited; what is decided about
-- them is kept with the time at which it was recorded (recorded_from, recorded_to; null = now).
-- grain: none (definitions)

-- One row per schema version applied.
create table if not exists schema_version (version integer, applied_at timestamp);

-- One row per batch taken in; the same content is taken in once.
create table if not exists ingests (
    content_hash varchar, source varchar, file varchar, num_rows bigint, num_accepted bigint,
    num_duplicates bigint, num_quarantined bigint, recorded_at timestamp
);

-- One row per distinct claim: what one source asserts, in normal form.
create table if not exists claims (
    claim_id varchar, fact_id varchar, subject varchar, relation varchar, value varchar,
    question varchar, cloze varchar, prompt_kind varchar, paraphrases varchar[], aliases varchar[],
    source varchar, authority double, observed_at date, valid_from date, valid_to date,
    recorded_at timestamp
);

-- One row per input row that asserts a claim: the first one is the claim's origin, the others are
-- its duplicates.
create table if not exists origins (
    claim_id varchar, file varchar, row bigint, content_hash varchar
);

-- One row per input row that could not be taken in, as it was given. `fields` is what the mapping made
-- of it and `recipe` how (field: column or templates), both JSON, so that it can be put right and
-- taken in later; it is then marked by `replayed_at` and `claim_id`, and never deleted.
create table if not exists quarantine (
    source varchar, file varchar, row bigint, field varchar, reason varchar, explanation varchar,
    raw varchar, content_hash varchar, quarantine_id varchar, line bigint, "column" varchar,
    fact_id varchar, fields varchar, recipe varchar, recorded_at timestamp,
    replayed_at timestamp, claim_id varchar
);

-- One row per batch settled: a source as it was taken in, and again when a full extract returns to an
-- earlier content. The highest number of a source is its present state.
create table if not exists batches (
    number bigint, source varchar, content_hash varchar, extract varchar, num_source_rows bigint,
    watermark_column varchar, watermark varchar, version bigint, warnings varchar[],
    recorded_at timestamp
);

-- One row per slot that any claim is about.
create table if not exists slots (fact_id varchar, subject varchar, relation varchar);

-- One row per rule (relations.py, as JSON) that a source declared for a relation; the latest counts.
create table if not exists relations (
    relation varchar, source varchar, rule varchar, recorded_at timestamp
);

-- One row per word on whether a claim is withdrawn; the latest counts. `withdrawn` false lifts the
-- earlier ones; `source` is the full extract that no longer asserts it, null where a person withdrew it.
create table if not exists retractions (
    claim_id varchar, reason varchar, recorded_at timestamp, withdrawn boolean default true,
    source varchar
);

-- One row per fact and span of recorded time.
create table if not exists facts (
    fact_id varchar, subject varchar, relation varchar, answer varchar, "values" varchar[],
    question varchar, prompts varchar[], prompt_kind varchar, aliases varchar[], valid_from date,
    valid_to date, probability double, needs_review boolean, support varchar[],
    contradict varchar[], sources varchar[], fact_hash varchar, training_hash varchar,
    recorded_from timestamp, recorded_to timestamp
);

-- One row per run of a value in a time-varying slot, as of the last reconcile.
create table if not exists timeline (
    fact_id varchar, value varchar, held_from date, held_to date
);

-- One row per source and relation, for each state of everything: how often it is right.
create table if not exists source_accuracies (
    snapshot_hash varchar, relation varchar, source varchar, accuracy double, num_claims bigint,
    copy_group varchar, recorded_at timestamp
);

-- One row per relation and table of what truth discovery found in the last full reconcile: as Arrow
-- IPC, so that a slot can be decided again exactly as it was.
create table if not exists truth_states (
    relation varchar, name varchar, content blob, snapshot_hash varchar
);

-- One row per claim and span of recorded time: its status and why.
create table if not exists decisions (
    claim_id varchar, status varchar, reason varchar, recorded_from timestamp,
    recorded_to timestamp
);

-- One row per slot whose best values tie, as of the last reconcile.
create table if not exists conflicts (
    fact_id varchar, subject varchar, relation varchar, "values" varchar[], sources varchar[],
    claim_ids varchar[], explanation varchar
);

-- One row per distinct state of everything that was reconciled.
create table if not exists snapshots (
    snapshot_hash varchar, training_hash varchar, num_slots bigint, num_facts bigint,
    recorded_at timestamp, published_at timestamp
);

-- One row: which snapshot the tables hold now, as of which date, and how many claims it judged. What
-- came in since (is_current is false then) is found by how many rows of the tables, which only grow,
-- it had seen. `settings` and `rules` (JSON: rule by relation) say how it was decided.
create table if not exists reconciled (
    snapshot_hash varchar, training_hash varchar, as_of date, num_input_rows bigint,
    num_conflicts_resolved bigint, num_ambiguous_prompts bigint, recorded_at timestamp,
    facts_sum hugeint, training_sum hugeint, claims_sum hugeint, origins_sum hugeint,
    is_current boolean, settings varchar, rules varchar, num_claims bigint, num_origins bigint,
    num_retractions bigint
);

-- One row per claim that looks like part of a bad import, as of the last reconcile.
create table if not exists suspected_claims (
    claim_id varchar, fact_id varchar, relation varchar, reason varchar
);

-- One row per fact that lost phrasings because others share them, as of the last reconcile.
create table if not exists ambiguous_prompts (fact_id varchar, num_prompts bigint);

-- One row per fact that a reconcile added, changed or retired.
create table if not exists change_log (
    snapshot_hash varchar, fact_id varchar, op varchar, old_answer varchar, new_answer varchar,
    recorded_at timestamp
);

-- One row per fact and geometry: the group of experts that it is written to.
create table if not exists assignment (
    geometry varchar, fact_id varchar, group_index bigint, num_experts bigint, shard_index bigint
);

-- One row per fact and question that a run measured or carried over: `template` is that of the
-- question, `said` what a miss said, null where it was exact.
create table if not exists recall (
    run_key varchar, fact_id varchar, template varchar, is_exact boolean, agrees boolean,
    oracle_exact boolean, kind varchar, answer varchar, said varchar, is_carried boolean
);

-- One row per run that was judged: the checkpoints at which recall is known. `measured_at` orders
-- them; `passed` says whether the gate let it become the champion.
create table if not exists evaluations (
    run_key varchar, mode varchar, base varchar, snapshot_hash varchar, as_of date,
    passed boolean, measured_at timestamp
);

-- One row per slot that is to be forgotten: its claims take no part, whoever makes them. `slot_hash` is
-- a salted hash of the slot's identity, and all that is left of it once it is purged: fact_id, subject
-- and relation are null then, and what comes in about it is kept without its text.
create table if not exists tombstones (
    slot_hash varchar, salt varchar, fact_id varchar, subject varchar, relation varchar,
    reason varchar, recorded_at timestamp, lifted_at timestamp, purged_at timestamp
);
