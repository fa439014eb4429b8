ALTER TABLE addresses DROP COLUMN postal_details;
ALTER TABLE address_revisions DROP COLUMN postal_details;
ALTER TABLE addresses
    ADD CONSTRAINT addresses_region_check CHECK (region <> '') NOT VALID,
    ADD CONSTRAINT addresses_city_check CHECK (city <> '') NOT VALID;
