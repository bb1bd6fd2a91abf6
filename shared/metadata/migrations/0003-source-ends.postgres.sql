-- How far the source goes, and since when a table has been behind it: what lags and stalls are told from.
--
-- The end offset of the source as discovery last saw it, never below the planned offset.
ALTER TABLE source_partition ADD COLUMN source_end_offset BIGINT NOT NULL DEFAULT 0;
-- Since when the source has held more than the watermark without the watermark moving; null when there is nothing more.
ALTER TABLE source_partition ADD COLUMN behind_since_ms BIGINT;
-- When the oldest segment that is not planned landed, by the clock of the source's store; it counts while all that is planned is committed.
ALTER TABLE source_partition ADD COLUMN unplanned_since_ms BIGINT;
-- behind_since_ms of the stall that was reported, so that it is reported once whatever the number of processes.
ALTER TABLE source_partition ADD COLUMN stalled_since_ms BIGINT;
UPDATE source_partition SET source_end_offset = planned_offset, behind_since_ms =
  CASE WHEN committed_offset < planned_offset THEN CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) END;
CREATE INDEX source_partition_behind ON source_partition (behind_since_ms) WHERE behind_since_ms IS NOT NULL AND is_current = 1;
CREATE INDEX source_partition_stalled ON source_partition (source_key) WHERE stalled_since_ms IS NOT NULL AND is_current = 1;

-- When the first segment of the slice landed, by the clock of the source's store.
ALTER TABLE task_slice ADD COLUMN landed_at_ms BIGINT;

-- Dead letters below the watermarks by code, counted as they are committed, so that metrics read no history.
CREATE TABLE dead_letter_total (
  table_id TEXT COLLATE "C" NOT NULL REFERENCES iceberg_table (table_id),
  code     TEXT COLLATE "C" NOT NULL,
  count    BIGINT NOT NULL CHECK (count > 0),
  PRIMARY KEY (table_id, code)
);
INSERT INTO dead_letter_total (table_id, code, count)
  SELECT d.table_id, d.code, sum(d.count) FROM dead_letter_batch d JOIN convert_task t USING (task_key)
  WHERE t.state = 'committed' GROUP BY d.table_id, d.code;
