-- Times are milliseconds since 1970-01-01T00:00:00Z. Ids are compared byte for byte, whatever the
-- database's own collation is. Every key begins with customer_id, but for api_keys, so that the
-- tables can be sharded by it.

-- The number of a customer's addresses and of their past revisions is stored with the book, so that
-- no request counts them. The book's revision increases with each change of the book.
CREATE TABLE address_books (
    customer_id    text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(customer_id) BETWEEN 1 AND 64),
    addresses      bigint           NOT NULL CHECK (addresses >= 0),
    revision       bigint           NOT NULL CHECK (revision > 0),
    past_revisions bigint           NOT NULL DEFAULT 0 CHECK (past_revisions >= 0)
);

-- The current state of each address. changed_at is when the address came to be as it is, where that
-- is not updated_at.
CREATE TABLE addresses (
    customer_id text COLLATE "C" NOT NULL REFERENCES address_books,
    id          text COLLATE "C" NOT NULL CHECK (length(id) = 30),
    description text             CHECK (description <> ''),
    region      text             NOT NULL CHECK (region <> ''),
    city        text             NOT NULL CHECK (city <> ''),
    country     text             NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    custom_data text             CHECK (json_typeof(custom_data::json) = 'object'),
    created_at  bigint           NOT NULL CHECK (created_at BETWEEN -62167219200000 AND 253402300799999),
    updated_at  bigint           NOT NULL CHECK (updated_at BETWEEN created_at AND 253402300799999),
    revision    bigint           NOT NULL CHECK (revision > 0),
    changed_at  bigint,
    PRIMARY KEY (customer_id, id)
);

-- The earlier states of each address, and its removal: inserted once and never changed, deleted only
-- with their customer.
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

-- A page far into a large book is found by counting parts instead of addresses: a book of more than
-- 1,000 addresses is divided, in the order of their ids, into parts of at most 1,000. Each part
-- begins at first_id, which is '' for the first one, and ends where the next one begins.
CREATE TABLE address_book_parts (
    customer_id text COLLATE "C" NOT NULL REFERENCES address_books,
    first_id    text COLLATE "C" NOT NULL,
    addresses   bigint           NOT NULL CHECK (addresses >= 0),
    PRIMARY KEY (customer_id, first_id)
);

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

-- The digest is the SHA-256 of the key, by which it is found; the key itself is not stored. The keys
-- are few and belong to the operator, so this table alone does not begin with customer_id.
CREATE TABLE api_keys (
    id           text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 30),
    digest       bytea            NOT NULL UNIQUE CHECK (length(digest) = 32),
    name         text             NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    scopes       text             NOT NULL CHECK (scopes <> ''),
    customer_id  text COLLATE "C" CHECK (length(customer_id) BETWEEN 1 AND 64),
    created_at   bigint           NOT NULL,
    expires_at   bigint,
    revoked_at   bigint,
    last_used_at bigint
);
