-- The current state of an address is stored once, in addresses. address_revisions stores past
-- states and removals: most addresses never change, and need nothing there. changed_at is the time
-- of the change to the current state, if it differs from updated_at.
ALTER TABLE addresses ADD COLUMN changed_at bigint;

UPDATE addresses SET changed_at = r.changed_at
FROM address_revisions AS r
WHERE r.customer_id = addresses.customer_id AND r.id = addresses.id
  AND r.revision = addresses.revision AND r.changed_at <> addresses.updated_at;

DELETE FROM address_revisions WHERE EXISTS (
    SELECT 1 FROM addresses AS a
    WHERE a.customer_id = address_revisions.customer_id AND a.id = address_revisions.id
      AND a.revision = address_revisions.revision);
