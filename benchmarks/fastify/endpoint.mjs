// The endpoint that both databases share: the response as a JSON schema, which Fastify compiles to
// a serializer, and PROCESSES processes.
import cluster from 'node:cluster';
import Fastify from 'fastify';

const time = { type: 'string', format: 'date-time' };
const text = { type: 'string' };
const textOrNull = { type: ['string', 'null'] };
const address = {
  type: 'object',
  properties: {
    id: text,
    description: textOrNull,
    region: text,
    city: text,
    country: text,
    custom_data: { type: ['object', 'null'], additionalProperties: true },
    created_at: time,
    updated_at: time,
  },
};
const schema = {
  params: { type: 'object', properties: { customer_id: text } },
  querystring: {
    type: 'object',
    properties: {
      limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
      offset: { type: 'integer', minimum: 0, default: 0 },
    },
  },
  response: {
    200: {
      type: 'object',
      properties: {
        customer_id: text,
        addresses: { type: 'array', items: address },
        limit: { type: 'integer' },
        offset: { type: 'integer' },
      },
    },
  },
};

// Serves list(customerId, limit, offset) => { total, addresses }, which may be a promise.
export function serve(open) {
  const processes = Number(process.env.PROCESSES ?? 1);
  if (processes > 1 && cluster.isPrimary) {
    for (let n = 0; n < processes; n += 1) cluster.fork();
    return;
  }
  const list = open(processes);
  const app = Fastify({ logger: false });
  app.get('/v1/customers/:customer_id/addresses', { schema }, async (request, reply) => {
    const { customer_id } = request.params;
    const { limit, offset } = request.query;
    const { total, addresses } = await list(customer_id, limit, offset);
    reply.header('x-total-count', total);
    return { customer_id, addresses, limit, offset };
  });
  app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
}
