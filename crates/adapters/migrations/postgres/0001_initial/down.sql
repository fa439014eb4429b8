DROP TABLE api_keys;
DROP TABLE idempotency_records;
DROP TABLE address_book_parts;
DROP TABLE address_revisions;
DROP TABLE addresses;
DROP TABLE address_books;
