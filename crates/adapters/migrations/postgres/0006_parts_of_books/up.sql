-- A page at a large offset is found by adding up parts instead of skipping addresses. A book of
-- more than 1,000 addresses is divided into parts of at most 1,000 addresses, in the order of the
-- ids. A part begins at an id, the first one at '', and ends where the next one begins.
CREATE TABLE address_book_parts (
    customer_id text COLLATE "C" NOT NULL REFERENCES address_books,
    first_id    text COLLATE "C" NOT NULL,
    addresses   bigint           NOT NULL CHECK (addresses >= 0),
    PRIMARY KEY (customer_id, first_id)
);

INSERT INTO address_book_parts
SELECT customer_id, CASE part WHEN 0 THEN '' ELSE min(id) END, count(*)
FROM (SELECT customer_id, id,
             (row_number() OVER (PARTITION BY customer_id ORDER BY id) - 1) / 500 AS part
      FROM addresses
      WHERE customer_id IN (SELECT customer_id FROM address_books WHERE addresses > 1000)) AS placed
GROUP BY customer_id, part;

-- Pages no longer skip keys, so VACUUM need not run more often than by default.
ALTER TABLE addresses RESET (
    autovacuum_vacuum_insert_scale_factor,
    autovacuum_vacuum_scale_factor,
    autovacuum_analyze_scale_factor
);
