-- Additive
-- What tells this life of a topic-partition from the next one while nothing of it is planned: the base offset of the last segment of it
-- that discovery saw whole, and when that landed, by the clock of the source's store.
ALTER TABLE source_partition ADD COLUMN witness_offset INTEGER;
ALTER TABLE source_partition ADD COLUMN witness_landed_at_ms INTEGER;
