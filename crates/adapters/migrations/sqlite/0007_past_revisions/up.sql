-- A book stores its number of rows in address_revisions, like its number of addresses, so that they
-- can be limited.
ALTER TABLE address_books
    ADD COLUMN past_revisions INTEGER NOT NULL DEFAULT 0 CHECK (past_revisions >= 0);

UPDATE address_books SET past_revisions = (
    SELECT count(*) FROM address_revisions AS r WHERE r.customer_id = address_books.customer_id)
WHERE customer_id IN (SELECT customer_id FROM address_revisions);
