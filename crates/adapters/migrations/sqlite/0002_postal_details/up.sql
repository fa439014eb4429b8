-- What not every address has, such as the street and the postal code: a JSON object of text members.
-- A new member of it needs no migration.
ALTER TABLE addresses ADD COLUMN postal_details TEXT;
ALTER TABLE address_revisions ADD COLUMN postal_details TEXT;

-- Not every country has regions or cities. Where there is none, the text is empty.
--
-- SQLite cannot drop a CHECK without a name, and reads the whole table to add one. Its documentation
-- describes this way for changes that leave the rows as they are:
-- https://www.sqlite.org/lang_altertable.html#otheralter
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(replace(replace(sql,
    ' CHECK (region <> '''')', ''),
    ' CHECK (city <> '''')', ''),
    'postal_details TEXT', 'postal_details TEXT CHECK (json_type(postal_details) = ''object'')')
WHERE type = 'table' AND name = 'addresses';
PRAGMA writable_schema = RESET;
