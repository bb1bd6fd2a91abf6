-- What query engines reported of their scans, the newest of them.
CREATE TABLE scan_report (
  report_id              INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms                  INTEGER NOT NULL,
  table_id               TEXT NOT NULL REFERENCES iceberg_table (table_id),
  catalog                TEXT NOT NULL,
  snapshot_id            INTEGER NOT NULL,
  schema_id              INTEGER NOT NULL,
  filter                 TEXT NOT NULL,
  -- A JSON array of names.
  projected_fields       TEXT NOT NULL,
  engine                 TEXT,
  -- NULL where the report did not have it.
  planning_duration_us   INTEGER,
  result_files           INTEGER,
  result_bytes           INTEGER,
  skipped_files          INTEGER,
  skipped_manifests      INTEGER
) STRICT;
CREATE INDEX scan_report_by_table ON scan_report (table_id, report_id);
