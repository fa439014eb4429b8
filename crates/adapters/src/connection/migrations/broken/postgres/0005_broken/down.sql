ALTER TABLE addresses DROP COLUMN other;
