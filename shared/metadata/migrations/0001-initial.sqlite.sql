-- The virtual metadata, first shape. DESIGN section 3: this database is the truth about every table.
--
-- Times are Unix milliseconds by this database's clock. Offsets, versions, snapshot ids and sequence numbers are 64-bit.
-- STRICT tables and CHECKs hold what the row parsers trust. Keys named *_key are this database's own and never leave it.

CREATE TABLE iceberg_table (
  table_id             TEXT PRIMARY KEY,
  name                 TEXT NOT NULL UNIQUE,
  kind                 TEXT NOT NULL CHECK (kind IN ('rows', 'dead_letters')),
  parent_table_id      TEXT UNIQUE REFERENCES iceberg_table (table_id),
  -- Two tables on one location would delete each other's files as orphans.
  location             TEXT NOT NULL UNIQUE,
  version              INTEGER NOT NULL DEFAULT 0 CHECK (version >= 0),
  current_schema_id    INTEGER NOT NULL,
  default_spec_id      INTEGER NOT NULL,
  last_column_id       INTEGER NOT NULL,
  last_partition_id    INTEGER NOT NULL,
  last_sequence_number INTEGER NOT NULL DEFAULT 0,
  properties           TEXT NOT NULL,
  declaration          TEXT NOT NULL,
  state                TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'stopped')),
  state_reason         TEXT,
  -- Tasks that are over, counted here so that counting costs by what is in flight and not by history.
  committed_tasks      INTEGER NOT NULL DEFAULT 0,
  cancelled_tasks      INTEGER NOT NULL DEFAULT 0,
  created_at_ms        INTEGER NOT NULL,
  CHECK ((kind = 'dead_letters') = (parent_table_id IS NOT NULL))
) STRICT;

CREATE TABLE table_schema (
  table_id    TEXT NOT NULL REFERENCES iceberg_table (table_id),
  schema_id   INTEGER NOT NULL,
  schema_json TEXT NOT NULL,
  PRIMARY KEY (table_id, schema_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE partition_spec (
  table_id  TEXT NOT NULL REFERENCES iceberg_table (table_id),
  spec_id   INTEGER NOT NULL,
  spec_json TEXT NOT NULL,
  PRIMARY KEY (table_id, spec_id)
) STRICT, WITHOUT ROWID;

-- One row per life (incarnation) of a topic-partition. The counters cover everything below the watermark.
CREATE TABLE source_partition (
  source_key        INTEGER PRIMARY KEY,
  table_id          TEXT NOT NULL REFERENCES iceberg_table (table_id),
  topic             TEXT NOT NULL,
  partition         INTEGER NOT NULL,
  incarnation       INTEGER NOT NULL,
  is_current        INTEGER NOT NULL CHECK (is_current IN (0, 1)),
  first_offset      INTEGER NOT NULL CHECK (first_offset >= 0),
  planned_offset    INTEGER NOT NULL,
  committed_offset  INTEGER NOT NULL,
  last_planned      TEXT,
  state             TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'stopped')),
  state_code        TEXT,
  state_reason      TEXT,
  max_timestamp_ms  INTEGER NOT NULL DEFAULT -1,
  row_count         INTEGER NOT NULL DEFAULT 0,
  dead_letter_count INTEGER NOT NULL DEFAULT 0,
  absent_count      INTEGER NOT NULL DEFAULT 0,
  control_count     INTEGER NOT NULL DEFAULT 0,
  skipped_count     INTEGER NOT NULL DEFAULT 0,
  source_gap_count  INTEGER NOT NULL DEFAULT 0,
  UNIQUE (table_id, topic, partition, incarnation),
  CHECK (first_offset <= committed_offset AND committed_offset <= planned_offset),
  -- DESIGN invariant 1, in the row itself: everything below the watermark is accounted for exactly once.
  CHECK (row_count + dead_letter_count + absent_count + control_count + skipped_count + source_gap_count
         = committed_offset - first_offset)
) STRICT;
CREATE UNIQUE INDEX source_partition_current ON source_partition (table_id, topic, partition) WHERE is_current = 1;

CREATE TABLE convert_task (
  task_key           INTEGER PRIMARY KEY,
  task_id            TEXT NOT NULL UNIQUE,
  table_id           TEXT NOT NULL REFERENCES iceberg_table (table_id),
  schema_id          INTEGER NOT NULL,
  spec_id            INTEGER NOT NULL,
  state              TEXT NOT NULL CHECK (state IN ('queued', 'claimed', 'staged', 'committed', 'parked', 'cancelled')),
  claim_token        TEXT,
  worker             TEXT,
  lease_until_ms     INTEGER,
  not_before_ms      INTEGER NOT NULL DEFAULT 0,
  attempts           INTEGER NOT NULL DEFAULT 0,
  last_error_code    TEXT,
  last_error_message TEXT,
  created_at_ms      INTEGER NOT NULL,
  FOREIGN KEY (table_id, schema_id) REFERENCES table_schema (table_id, schema_id),
  FOREIGN KEY (table_id, spec_id) REFERENCES partition_spec (table_id, spec_id),
  CHECK ((state = 'claimed') = (claim_token IS NOT NULL)),
  CHECK ((state = 'claimed') = (lease_until_ms IS NOT NULL))
) STRICT;
CREATE INDEX convert_task_by_state ON convert_task (table_id, state, task_key);
CREATE INDEX convert_task_runnable ON convert_task (task_key) WHERE state IN ('queued', 'claimed');

-- planned: not converted yet · done: converted, ahead of the watermark · committed: below it · cancelled: given up or moved elsewhere.
CREATE TABLE task_slice (
  task_key     INTEGER NOT NULL REFERENCES convert_task (task_key),
  position     INTEGER NOT NULL,
  source_key   INTEGER NOT NULL REFERENCES source_partition (source_key),
  start_offset INTEGER NOT NULL,
  end_offset   INTEGER NOT NULL,
  segments     TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('planned', 'done', 'committed', 'cancelled')),
  PRIMARY KEY (task_key, position),
  CHECK (start_offset < end_offset)
) STRICT, WITHOUT ROWID;
-- No offset is planned twice: slices that count begin at different offsets, each at the planned offset of its time.
CREATE UNIQUE INDEX task_slice_offsets ON task_slice (source_key, start_offset) WHERE state <> 'cancelled';
CREATE INDEX task_slice_in_flight ON task_slice (source_key, start_offset) WHERE state IN ('planned', 'done');

CREATE TABLE slice_account (
  task_key          INTEGER NOT NULL,
  position          INTEGER NOT NULL,
  row_count         INTEGER NOT NULL CHECK (row_count >= 0),
  dead_letter_count INTEGER NOT NULL CHECK (dead_letter_count >= 0),
  max_timestamp_ms  INTEGER NOT NULL,
  ranges            TEXT NOT NULL,
  PRIMARY KEY (task_key, position),
  FOREIGN KEY (task_key, position) REFERENCES task_slice (task_key, position)
) STRICT, WITHOUT ROWID;

-- Offsets below the watermarks that became neither a row nor a dead letter; runs of one kind that touch are one row.
CREATE TABLE accounted_range (
  range_key    INTEGER PRIMARY KEY,
  table_id     TEXT NOT NULL REFERENCES iceberg_table (table_id),
  source_key   INTEGER NOT NULL REFERENCES source_partition (source_key),
  kind         TEXT NOT NULL CHECK (kind IN ('absent', 'control', 'skipped', 'source_gap')),
  start_offset INTEGER NOT NULL,
  end_offset   INTEGER NOT NULL,
  -- 1 when a person gave the range up with skip-to.
  by_operator  INTEGER NOT NULL CHECK (by_operator IN (0, 1)),
  CHECK (start_offset < end_offset)
) STRICT;
CREATE INDEX accounted_range_by_table ON accounted_range (table_id, range_key);
CREATE UNIQUE INDEX accounted_range_by_source ON accounted_range (source_key, end_offset);
CREATE INDEX accounted_range_by_operator ON accounted_range (table_id, range_key) WHERE by_operator = 1;

CREATE TABLE dead_letter_batch (
  batch_key       INTEGER PRIMARY KEY,
  table_id        TEXT NOT NULL REFERENCES iceberg_table (table_id),
  task_key        INTEGER NOT NULL REFERENCES convert_task (task_key),
  source_key      INTEGER NOT NULL REFERENCES source_partition (source_key),
  code            TEXT NOT NULL,
  count           INTEGER NOT NULL CHECK (count > 0),
  first_offset    INTEGER NOT NULL,
  last_offset     INTEGER NOT NULL,
  sample_message  TEXT NOT NULL,
  committed_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_letter_batch_by_table ON dead_letter_batch (table_id, batch_key);
CREATE INDEX dead_letter_batch_by_task ON dead_letter_batch (task_key);

CREATE TABLE manifest (
  manifest_key        INTEGER PRIMARY KEY,
  table_id            TEXT NOT NULL REFERENCES iceberg_table (table_id),
  path                TEXT NOT NULL,
  length_bytes        INTEGER NOT NULL,
  spec_id             INTEGER NOT NULL,
  sequence_number     INTEGER NOT NULL,
  min_sequence_number INTEGER NOT NULL,
  added_snapshot_id   INTEGER NOT NULL,
  added_files_count   INTEGER NOT NULL,
  existing_files_count INTEGER NOT NULL,
  deleted_files_count INTEGER NOT NULL,
  added_rows_count    INTEGER NOT NULL,
  existing_rows_count INTEGER NOT NULL,
  deleted_rows_count  INTEGER NOT NULL,
  partitions          TEXT NOT NULL,
  -- retired: no unexpired snapshot lists it any more; its object waits for the proof that deletion needs.
  state               TEXT NOT NULL CHECK (state IN ('live', 'retired')),
  UNIQUE (table_id, path)
) STRICT;
CREATE INDEX manifest_retired ON manifest (table_id, manifest_key) WHERE state = 'retired';

-- staged: added_version is null · live at version v: added_version <= v and not removed_version <= v.
CREATE TABLE data_file (
  file_key        INTEGER PRIMARY KEY,
  table_id        TEXT NOT NULL,
  path            TEXT NOT NULL,
  task_key        INTEGER NOT NULL REFERENCES convert_task (task_key),
  spec_id         INTEGER NOT NULL,
  partition       TEXT NOT NULL,
  record_count    INTEGER NOT NULL CHECK (record_count > 0),
  file_size_bytes INTEGER NOT NULL CHECK (file_size_bytes > 0),
  encoded         BLOB NOT NULL,
  added_version   INTEGER,
  removed_version INTEGER,
  snapshot_id     INTEGER,
  sequence_number INTEGER,
  manifest_key    INTEGER REFERENCES manifest (manifest_key),
  UNIQUE (table_id, path),
  FOREIGN KEY (table_id, spec_id) REFERENCES partition_spec (table_id, spec_id),
  CHECK (removed_version > added_version)
) STRICT;
CREATE INDEX data_file_by_version ON data_file (table_id, added_version, path) WHERE added_version IS NOT NULL;
CREATE INDEX data_file_by_task ON data_file (task_key);
CREATE INDEX data_file_by_manifest ON data_file (manifest_key) WHERE manifest_key IS NOT NULL;

CREATE TABLE snapshot (
  table_id           TEXT NOT NULL,
  snapshot_id        INTEGER NOT NULL,
  parent_snapshot_id INTEGER,
  sequence_number    INTEGER NOT NULL,
  version            INTEGER NOT NULL,
  timestamp_ms       INTEGER NOT NULL,
  operation          TEXT NOT NULL CHECK (operation IN ('append', 'replace', 'overwrite', 'delete')),
  schema_id          INTEGER NOT NULL,
  manifest_list_path TEXT NOT NULL,
  summary            TEXT NOT NULL,
  state              TEXT NOT NULL CHECK (state IN ('intent', 'cut', 'expired')),
  PRIMARY KEY (table_id, snapshot_id),
  UNIQUE (table_id, sequence_number),
  FOREIGN KEY (table_id, schema_id) REFERENCES table_schema (table_id, schema_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX snapshot_intent ON snapshot (table_id) WHERE state = 'intent';
CREATE INDEX snapshot_cut ON snapshot (table_id, sequence_number) WHERE state = 'cut';

CREATE TABLE snapshot_manifest (
  table_id     TEXT NOT NULL,
  snapshot_id  INTEGER NOT NULL,
  position     INTEGER NOT NULL,
  manifest_key INTEGER NOT NULL REFERENCES manifest (manifest_key),
  PRIMARY KEY (table_id, snapshot_id, position),
  FOREIGN KEY (table_id, snapshot_id) REFERENCES snapshot (table_id, snapshot_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshot_manifest_by_manifest ON snapshot_manifest (manifest_key);

CREATE TABLE publication (
  table_id                 TEXT NOT NULL REFERENCES iceberg_table (table_id),
  catalog                  TEXT NOT NULL,
  snapshot_id              INTEGER,
  metadata_location        TEXT,
  metadata_timestamp_ms    INTEGER,
  metadata_version         INTEGER NOT NULL DEFAULT 0,
  metadata_log             TEXT NOT NULL DEFAULT '[]',
  state                    TEXT NOT NULL CHECK (state IN ('pending', 'published', 'failing', 'held')),
  last_error_code          TEXT,
  last_error_message       TEXT,
  last_published_at_ms     INTEGER,
  intent_snapshot_id       INTEGER,
  intent_metadata_location TEXT,
  intent_timestamp_ms      INTEGER,
  PRIMARY KEY (table_id, catalog),
  CHECK ((intent_metadata_location IS NULL) = (intent_timestamp_ms IS NULL)
     AND (intent_snapshot_id IS NULL OR intent_metadata_location IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- A released lease keeps its row, because the fencing token must go on rising.
CREATE TABLE lease (
  name          TEXT PRIMARY KEY,
  holder        TEXT NOT NULL,
  until_ms      INTEGER NOT NULL,
  fencing_token INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
  event_id  INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms     INTEGER NOT NULL,
  type      TEXT NOT NULL,
  table_id  TEXT,
  topic     TEXT,
  partition INTEGER,
  message   TEXT NOT NULL,
  details   TEXT NOT NULL,
  note_who  TEXT,
  note_why  TEXT
) STRICT;
CREATE INDEX event_by_table ON event (table_id, event_id);
