-- Times are milliseconds since 1970-01-01T00:00:00Z. Ids are compared byte for byte
-- (BINARY is SQLite's default). A book stores the number of its addresses, so that reading it
-- does not count them.
CREATE TABLE address_books (
    customer_id TEXT    NOT NULL PRIMARY KEY CHECK (length(customer_id) BETWEEN 1 AND 64),
    addresses   INTEGER NOT NULL CHECK (addresses >= 0),
    revision    INTEGER NOT NULL CHECK (revision > 0)
) STRICT, WITHOUT ROWID;

-- WITHOUT ROWID: a customer's addresses are stored side by side, in the order of a list.
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
    PRIMARY KEY (customer_id, id)
) STRICT, WITHOUT ROWID;
