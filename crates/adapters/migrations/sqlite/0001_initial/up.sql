-- Times are milliseconds since 1970-01-01T00:00:00Z. Ids are compared byte for byte (BINARY is
-- SQLite's default). Every key begins with customer_id, but for api_keys.

-- The number of a customer's addresses and of their past revisions is stored with the book, so that
-- no request counts them. The book's revision increases with each change of the book.
CREATE TABLE address_books (
    customer_id    TEXT    NOT NULL PRIMARY KEY CHECK (length(customer_id) BETWEEN 1 AND 64),
    addresses      INTEGER NOT NULL CHECK (addresses >= 0),
    revision       INTEGER NOT NULL CHECK (revision > 0),
    past_revisions INTEGER NOT NULL DEFAULT 0 CHECK (past_revisions >= 0)
) STRICT, WITHOUT ROWID;

-- The current state of each address. WITHOUT ROWID: a customer's addresses lie next to each other,
-- in the order of a listing. changed_at is when the address came to be as it is, where that is not
-- updated_at.
CREATE TABLE addresses (
    customer_id TEXT    NOT NULL REFERENCES address_books,
    id          TEXT    NOT NULL CHECK (length(id) = 30),
    description TEXT    CHECK (description <> ''),
    region      TEXT    NOT NULL CHECK (region <> ''),
    city        TEXT    NOT NULL CHECK (city <> ''),
    country     TEXT    NOT NULL CHECK (country GLOB '[A-Z][A-Z]'),
    custom_data TEXT    CHECK (json_type(custom_data) = 'object'),
    created_at  INTEGER NOT NULL CHECK (created_at BETWEEN -62167219200000 AND 253402300799999),
    updated_at  INTEGER NOT NULL CHECK (updated_at BETWEEN created_at AND 253402300799999),
    revision    INTEGER NOT NULL CHECK (revision > 0),
    changed_at  INTEGER,
    PRIMARY KEY (customer_id, id)
) STRICT, WITHOUT ROWID;

-- The earlier states of each address, and its removal: inserted once and never changed, deleted only
-- with their customer.
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

-- A page far into a large book is found by counting parts instead of addresses: a book of more than
-- 1,000 addresses is divided, in the order of their ids, into parts of at most 1,000. Each part
-- begins at first_id, which is '' for the first one, and ends where the next one begins.
CREATE TABLE address_book_parts (
    customer_id TEXT    NOT NULL REFERENCES address_books,
    first_id    TEXT    NOT NULL,
    addresses   INTEGER NOT NULL CHECK (addresses >= 0),
    PRIMARY KEY (customer_id, first_id)
) STRICT, WITHOUT ROWID;

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

-- The digest is the SHA-256 of the key, by which it is found; the key itself is not stored. The keys
-- are few and belong to the operator, so this table alone does not begin with customer_id.
CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 30),
    digest       BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    name         TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    scopes       TEXT    NOT NULL CHECK (scopes <> ''),
    customer_id  TEXT    CHECK (length(customer_id) BETWEEN 1 AND 64),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
