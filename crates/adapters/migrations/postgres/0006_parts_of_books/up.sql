-- A page far into a large book is found by counting parts instead of walking past addresses: a book
-- of more than 1,000 addresses is divided, in the order of their ids, into parts of 1,000 at most.
-- Each begins at an id, the first one at '', and ends where the next one begins.
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

-- There is no walk past keys any more that VACUUM would have to hurry for.
ALTER TABLE addresses RESET (
    autovacuum_vacuum_insert_scale_factor,
    autovacuum_vacuum_scale_factor,
    autovacuum_analyze_scale_factor
);
