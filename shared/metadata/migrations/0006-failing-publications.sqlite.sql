-- Since when a catalog has failed to take a table; null while it takes it, and while it is held.
ALTER TABLE publication ADD COLUMN failing_since_ms INTEGER;
-- failing_since_ms of the failure that was reported, so that it is reported once, and its end too.
ALTER TABLE publication ADD COLUMN failing_reported_ms INTEGER;
UPDATE publication SET failing_since_ms = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE state = 'failing';
