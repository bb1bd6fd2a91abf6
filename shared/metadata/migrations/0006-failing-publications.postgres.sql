-- Since when a catalog has failed to take a table; null while it takes it, and while it is held.
ALTER TABLE publication ADD COLUMN failing_since_ms BIGINT;
-- failing_since_ms of the failure that was reported, so that it is reported once, and its end too.
ALTER TABLE publication ADD COLUMN failing_reported_ms BIGINT;
UPDATE publication SET failing_since_ms = CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) WHERE state = 'failing';
