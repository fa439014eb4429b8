ALTER TABLE address_books DROP COLUMN past_revisions;
