// Fastify + pg: a pool for each process, and named (prepared) statements. The driver reads jsonb
// and timestamptz. Page and count are queried at the same time.
import pg from 'pg';
import { serve } from './endpoint.mjs';

serve((processes) => {
  const pool = new pg.Pool({
    connectionString: process.env.DATABASE,
    max: Math.ceil(Number(process.env.POOL ?? 16) / processes),
  });
  const count = (customerId) =>
    pool.query({
      name: 'count',
      text: 'SELECT count(*)::int AS total FROM addresses WHERE customer_id = $1',
      values: [customerId],
    });
  const page = (...values) =>
    pool.query({
      name: 'page',
      text: `SELECT id, description, region, city, country, custom_data, created_at, updated_at
             FROM addresses WHERE customer_id = $1 ORDER BY id LIMIT $2 OFFSET $3`,
      values,
    });
  return async (customerId, limit, offset) => {
    const [counted, found] = await Promise.all([
      count(customerId),
      page(customerId, limit, offset),
    ]);
    return { total: counted.rows[0].total, addresses: found.rows };
  };
});
