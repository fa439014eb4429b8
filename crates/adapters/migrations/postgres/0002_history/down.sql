DROP TABLE idempotency_records;
DROP TABLE address_revisions;
