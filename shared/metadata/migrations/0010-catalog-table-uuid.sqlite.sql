-- Additive
-- What the catalog calls the table: its own uuid where it gives tables theirs. NULL until it is shown there anew.
ALTER TABLE publication ADD COLUMN table_uuid TEXT;
