-- Credentials. Of a key itself, only the SHA-256 is stored, by which it is found. Keys belong to
-- the operator, not to a customer, and there are few. So this is the only table whose key does not
-- begin with customer_id.
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
