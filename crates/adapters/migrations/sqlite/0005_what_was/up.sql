-- The state that an address is in is kept once, in addresses. address_revisions keeps those that it
-- was in before, and removals: most addresses never change, and need nothing there. changed_at is
-- when an address came to be as it is, where that is not updated_at.
ALTER TABLE addresses ADD COLUMN changed_at INTEGER;

UPDATE addresses SET changed_at = r.changed_at
FROM address_revisions AS r
WHERE r.customer_id = addresses.customer_id AND r.id = addresses.id
  AND r.revision = addresses.revision AND r.changed_at <> addresses.updated_at;

DELETE FROM address_revisions WHERE EXISTS (
    SELECT 1 FROM addresses AS a
    WHERE a.customer_id = address_revisions.customer_id AND a.id = address_revisions.id
      AND a.revision = address_revisions.revision);
