-- A page at a large offset skips entries of the primary key. It need not read the addresses if
-- VACUUM has marked them as visible to all transactions. By default, VACUUM runs when a fifth of
-- the table is new: in a table of ten million addresses, after two million.
ALTER TABLE addresses SET (
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
