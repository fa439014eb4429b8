DROP INDEX addresses_by_key;
