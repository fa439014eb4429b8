ALTER TABLE addresses ADD COLUMN other text;
UPDATE addresses SET revision = 0;
