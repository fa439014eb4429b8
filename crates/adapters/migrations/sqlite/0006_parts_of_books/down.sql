DROP TABLE address_book_parts;

CREATE INDEX addresses_by_key ON addresses (customer_id, id);
