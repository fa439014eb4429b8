-- Only the keys, side by side: a page at a large offset skips these (about 40 bytes each) instead
-- of whole addresses.
CREATE INDEX addresses_by_key ON addresses (customer_id, id);
