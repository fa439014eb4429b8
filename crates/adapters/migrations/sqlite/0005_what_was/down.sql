INSERT INTO address_revisions
SELECT customer_id, id, revision,
       CASE (SELECT change FROM address_revisions AS past
             WHERE past.customer_id = addresses.customer_id AND past.id = addresses.id
             ORDER BY past.revision DESC LIMIT 1)
           WHEN 'created' THEN 'updated' WHEN 'updated' THEN 'updated' ELSE 'created' END,
       COALESCE(changed_at, updated_at),
       description, region, city, country, custom_data, created_at, updated_at
FROM addresses;

ALTER TABLE addresses DROP COLUMN changed_at;
