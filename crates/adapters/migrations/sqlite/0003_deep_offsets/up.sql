-- The keys alone, side by side: a page far into a large book walks past these (some 40 bytes
-- each) instead of past whole addresses.
CREATE INDEX addresses_by_key ON addresses (customer_id, id);
