ALTER TABLE addresses ADD COLUMN note text;
UPDATE addresses SET note = 'from ' || city;
