-- Additive
-- Processes that run, by what they last said of themselves, and for a while those that have ended.
CREATE TABLE process (
  name             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  -- With commas between them.
  stages           TEXT COLLATE "C" NOT NULL,
  version          TEXT COLLATE "C" NOT NULL,
  -- Conversions at once.
  conversions      BIGINT NOT NULL,
  -- Share of the last minute that they were busy, in thousandths, and what the process converts when all are; NULL while it has converted nothing.
  busy_permille    BIGINT NOT NULL,
  bytes_per_second BIGINT,
  started_at_ms    BIGINT NOT NULL,
  seen_at_ms       BIGINT NOT NULL,
  -- It is taken for gone after this.
  until_ms         BIGINT NOT NULL
);
CREATE INDEX process_by_time ON process (seen_at_ms);

-- Of the segments of the task; 0 for tasks that older versions planned.
ALTER TABLE convert_task ADD COLUMN size_bytes BIGINT NOT NULL DEFAULT 0;
-- What waits and what runs, without a look at the tasks themselves.
CREATE INDEX convert_task_in_flight ON convert_task (state, table_id, task_key, size_bytes, created_at_ms) WHERE state IN ('queued', 'claimed');
CREATE INDEX source_partition_halted ON source_partition (source_key) WHERE state <> 'active';
