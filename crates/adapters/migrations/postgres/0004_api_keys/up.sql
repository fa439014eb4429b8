-- Credentials. Of a key itself, only the SHA-256 is stored, by which it is found. Keys belong to
-- the operator, not to a customer, and there are few. So this is the only table whose key does not
-- begin with customer_id.
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
