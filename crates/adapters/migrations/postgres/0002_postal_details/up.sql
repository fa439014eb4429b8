-- What not every address has, such as the street and the postal code: a JSON object of text members.
-- A new member of it needs no migration. NOT VALID: the rows of before have none, so that nothing
-- has to be read.
ALTER TABLE addresses ADD COLUMN postal_details text;
ALTER TABLE addresses ADD CONSTRAINT addresses_postal_details_check
    CHECK (json_typeof(postal_details::json) = 'object') NOT VALID;
ALTER TABLE address_revisions ADD COLUMN postal_details text;

-- Not every country has regions or cities. Where there is none, the text is empty.
ALTER TABLE addresses DROP CONSTRAINT addresses_region_check, DROP CONSTRAINT addresses_city_check;
