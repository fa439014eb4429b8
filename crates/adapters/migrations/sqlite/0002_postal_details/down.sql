ALTER TABLE addresses DROP COLUMN postal_details;
ALTER TABLE address_revisions DROP COLUMN postal_details;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(replace(sql,
    'region      TEXT    NOT NULL', 'region      TEXT    NOT NULL CHECK (region <> '''')'),
    'city        TEXT    NOT NULL', 'city        TEXT    NOT NULL CHECK (city <> '''')')
WHERE type = 'table' AND name = 'addresses';
PRAGMA writable_schema = RESET;
