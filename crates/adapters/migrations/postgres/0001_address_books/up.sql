-- Times are milliseconds since 1970-01-01T00:00:00Z. Ids are compared byte for byte,
-- whatever the collation of the database. A book stores the number of its addresses, so that
-- reading it does not count them. Every key begins with customer_id, by which the tables can be
-- sharded.
CREATE TABLE address_books (
    customer_id text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(customer_id) BETWEEN 1 AND 64),
    addresses   bigint           NOT NULL CHECK (addresses >= 0),
    revision    bigint           NOT NULL CHECK (revision > 0)
);

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
    PRIMARY KEY (customer_id, id)
);
