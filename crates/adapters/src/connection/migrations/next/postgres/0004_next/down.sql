ALTER TABLE addresses DROP COLUMN note;
