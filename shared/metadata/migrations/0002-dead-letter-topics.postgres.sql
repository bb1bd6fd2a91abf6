-- The topic `<table>.dlq` of each dead-letter table: which offsets its dead letters have, and which segments hold them.

-- next_offset is raised by the commit that makes dead letters live, planned_offset when a segment is cut, rendered_offset once
-- that segment and its index stand in the store.
CREATE TABLE dead_letter_topic (
  table_id        TEXT COLLATE "C" PRIMARY KEY REFERENCES iceberg_table (table_id),
  -- Known once a configuration has declared them.
  topic           TEXT COLLATE "C",
  location        TEXT COLLATE "C",
  next_offset     BIGINT NOT NULL DEFAULT 0,
  planned_offset  BIGINT NOT NULL DEFAULT 0,
  rendered_offset BIGINT NOT NULL DEFAULT 0,
  -- Why rendering stands still; cleared by the next segment that is rendered.
  last_error_code    TEXT COLLATE "C",
  last_error_message TEXT COLLATE "C",
  CHECK (0 <= rendered_offset AND rendered_offset <= planned_offset AND planned_offset <= next_offset),
  CHECK ((topic IS NULL) = (location IS NULL)),
  CHECK (planned_offset = 0 OR topic IS NOT NULL)
);

-- Row i of the file has offset base_offset + i. Path and size are kept here, because a file may leave its table before it is rendered.
CREATE TABLE dead_letter_topic_file (
  table_id        TEXT COLLATE "C" NOT NULL REFERENCES dead_letter_topic (table_id),
  base_offset     BIGINT NOT NULL CHECK (base_offset >= 0),
  record_count    BIGINT NOT NULL CHECK (record_count > 0),
  path            TEXT COLLATE "C" NOT NULL,
  file_size_bytes BIGINT NOT NULL,
  PRIMARY KEY (table_id, base_offset)
);

-- Fixed before the first byte is written, so that whoever finishes a segment writes the same bytes.
CREATE TABLE dead_letter_segment (
  table_id      TEXT COLLATE "C" NOT NULL REFERENCES dead_letter_topic (table_id),
  base_offset   BIGINT NOT NULL CHECK (base_offset >= 0),
  end_offset    BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  state         TEXT COLLATE "C" NOT NULL CHECK (state IN ('planned', 'rendered')),
  PRIMARY KEY (table_id, base_offset),
  CHECK (base_offset < end_offset)
);
CREATE UNIQUE INDEX dead_letter_segment_planned ON dead_letter_segment (table_id) WHERE state = 'planned';

-- Dead letters that were committed before there were topics get their offsets in the order of their commits.
INSERT INTO dead_letter_topic (table_id)
  SELECT table_id FROM iceberg_table WHERE kind = 'dead_letters';
INSERT INTO dead_letter_topic_file (table_id, base_offset, record_count, path, file_size_bytes)
  SELECT f.table_id,
    sum(f.record_count) OVER (PARTITION BY f.table_id ORDER BY f.added_version, f.path) - f.record_count,
    f.record_count, f.path, f.file_size_bytes
  FROM data_file f JOIN iceberg_table t USING (table_id)
  WHERE t.kind = 'dead_letters' AND f.added_version IS NOT NULL AND f.removed_version IS NULL;
UPDATE dead_letter_topic SET next_offset = coalesce(
  (SELECT sum(record_count) FROM dead_letter_topic_file f WHERE f.table_id = dead_letter_topic.table_id), 0);
