-- The default address of a customer for each purpose, such as billing or shipping.
CREATE TABLE default_addresses (
    customer_id TEXT NOT NULL,
    purpose     TEXT NOT NULL CHECK (length(purpose) BETWEEN 1 AND 32),
    address_id  TEXT NOT NULL,
    PRIMARY KEY (customer_id, purpose),
    FOREIGN KEY (customer_id, address_id) REFERENCES addresses (customer_id, id)
) STRICT, WITHOUT ROWID;
