-- All revisions of each address: written once, never changed, deleted only by an erasure.
CREATE TABLE address_revisions (
    customer_id TEXT    NOT NULL REFERENCES address_books,
    id          TEXT    NOT NULL,
    revision    INTEGER NOT NULL CHECK (revision > 0),
    change      TEXT    NOT NULL CHECK (change IN ('created', 'updated', 'removed')),
    changed_at  INTEGER NOT NULL,
    description TEXT,
    region      TEXT    NOT NULL,
    city        TEXT    NOT NULL,
    country     TEXT    NOT NULL,
    custom_data TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (customer_id, id, revision)
) STRICT, WITHOUT ROWID;

INSERT INTO address_revisions
SELECT customer_id, id, revision, 'created', created_at,
       description, region, city, country, custom_data, created_at, updated_at
FROM addresses;

-- The fingerprint is the SHA-256 of the request.
CREATE TABLE idempotency_records (
    customer_id TEXT    NOT NULL REFERENCES address_books,
    key         TEXT    NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    address_id  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (customer_id, key)
) STRICT, WITHOUT ROWID;

-- Old records are pruned in small steps.
CREATE INDEX idempotency_records_by_age ON idempotency_records (created_at);
