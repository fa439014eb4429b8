-- All revisions of each address: written once, never changed, deleted only by an erasure.
CREATE TABLE address_revisions (
    customer_id text COLLATE "C" NOT NULL REFERENCES address_books,
    id          text COLLATE "C" NOT NULL,
    revision    bigint           NOT NULL CHECK (revision > 0),
    change      text             NOT NULL CHECK (change IN ('created', 'updated', 'removed')),
    changed_at  bigint           NOT NULL,
    description text,
    region      text             NOT NULL,
    city        text             NOT NULL,
    country     text             NOT NULL,
    custom_data text,
    created_at  bigint           NOT NULL,
    updated_at  bigint           NOT NULL,
    PRIMARY KEY (customer_id, id, revision)
);

INSERT INTO address_revisions
SELECT customer_id, id, revision, 'created', created_at,
       description, region, city, country, custom_data, created_at, updated_at
FROM addresses;

-- The fingerprint is the SHA-256 of the request.
CREATE TABLE idempotency_records (
    customer_id text COLLATE "C" NOT NULL REFERENCES address_books,
    key         text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea            NOT NULL CHECK (length(fingerprint) = 32),
    address_id  text COLLATE "C" NOT NULL,
    created_at  bigint           NOT NULL,
    PRIMARY KEY (customer_id, key)
);

-- Old records are pruned in small steps.
CREATE INDEX idempotency_records_by_age ON idempotency_records (created_at);
