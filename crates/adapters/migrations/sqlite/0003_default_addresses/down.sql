DROP TABLE default_addresses;
