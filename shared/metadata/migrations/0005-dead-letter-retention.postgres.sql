-- Dead letters that retention has removed from their table; the ledger goes on counting them.
ALTER TABLE dead_letter_batch ADD COLUMN purged_at_ms BIGINT;
CREATE INDEX dead_letter_batch_open ON dead_letter_batch (table_id, committed_at_ms, task_key) WHERE purged_at_ms IS NULL;
-- Of dead_letter_count.
ALTER TABLE source_partition ADD COLUMN purged_dead_letter_count BIGINT NOT NULL DEFAULT 0;

-- What a snapshot removes is looked up by the version at which it left.
CREATE INDEX data_file_by_removal ON data_file (table_id, removed_version, path) WHERE removed_version IS NOT NULL;

-- Below it the topic's segments are gone, or about to be deleted while their rows are still here.
ALTER TABLE dead_letter_topic ADD COLUMN start_offset BIGINT NOT NULL DEFAULT 0;
