-- A page far into a large book walks past the entries of the primary key, and need not look
-- at the addresses as long as VACUUM has noted that everybody sees them. By default that
-- happens once a fifth of the table is new: of a table of ten million addresses, two million
-- would wait.
ALTER TABLE addresses SET (
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
