// A team's first hour with the generated types: create, list, change, remove.

import createClient from "openapi-fetch";
import type { components, paths } from "./generated.js";

declare const process: { argv: string[] };

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`expected ${what}`);
}

const [baseUrl = "", key = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
const customer_id = "cus_typescript";
const book = "/v1/customers/{customer_id}/addresses";
const one = "/v1/customers/{customer_id}/addresses/{address_id}";

const content: components["schemas"]["NewAddress"] = {
  description: "Home Address",
  region: "Kigali",
  city: "Kigali",
  country: "RW",
  recipient: "Aline Uwase",
  first_line: "KG 7 Avenue 12",
  custom_data: { landmark: "Office at Kigali Heights" },
  default_for: ["shipping"],
};
const created = await client.POST(book, {
  params: { path: { customer_id }, header: { "Idempotency-Key": "typescript-1" } },
  body: content,
});
check(created.data !== undefined, "an address");
const address_id = created.data.id;

// The list shows what was written, whichever database answers.
const seen = created.response.headers.get("Book-Revision") ?? "0";
const listed = await client.GET(book, {
  params: {
    path: { customer_id },
    query: { limit: 2, country: ["RW", "US"], include: ["default_for"] },
    header: { "Min-Book-Revision": seen },
  },
});
check(listed.data?.addresses[0]?.id === address_id, "the new address in the list");
check(listed.data?.addresses[0]?.first_line === "KG 7 Avenue 12", "the street in the list");
check(listed.data?.addresses[0]?.default_for?.[0] === "shipping", "the default address in the list");
check(listed.response.headers.get("X-Total-Count") === "1", "one address in all");

const defaults = "/v1/customers/{customer_id}/default-addresses";
const changed = await client.PATCH(defaults, {
  params: { path: { customer_id } },
  body: { default_addresses: { billing: address_id, shipping: null } },
});
check(changed.data?.default_addresses["billing"] === address_id, "the default address for billing");
check(changed.data.default_addresses["shipping"] === undefined, "none for shipping");

const path = { customer_id, address_id };
const patched = await client.PATCH(one, {
  params: { path, header: { "If-Match": created.response.headers.get("ETag") ?? "" } },
  body: { description: null, recipient: null, custom_data: { floor: "15th" } },
});
check(patched.data?.description === null, "no description");
check(patched.data.recipient === undefined, "no recipient");
check(patched.data.first_line === "KG 7 Avenue 12", "the street to remain");
check(patched.data.custom_data?.["landmark"] !== undefined, "members not in the patch to remain");

const stale = await client.PATCH(one, {
  params: { path, header: { "If-Match": created.response.headers.get("ETag") ?? "" } },
  body: { city: "Butare" },
});
check(stale.error?.type === "urn:addressbook:problem:precondition-failed", "precondition-failed");

const newer = await client.GET(one, {
  params: { path, header: { "Min-Book-Revision": "9".repeat(18) } },
});
check(newer.error?.type === "urn:addressbook:problem:revision-unavailable", "revision-unavailable");

const removed = await client.DELETE(one, { params: { path } });
check(removed.response.status === 204, "204");
const gone = await client.GET(one, { params: { path } });
check(gone.error?.status === 404, "404 after the removal");
const revision = await client.GET(`${one}/revisions/{revision}`, {
  params: { path: { ...path, revision: 1 } },
});
check(revision.data?.change === "created", "the first revision to remain");

const refused = await createClient<paths>({ baseUrl }).GET(book, {
  params: { path: { customer_id } },
});
check(refused.error?.status === 401, "401 without a key");

console.log("TypeScript: listed, created, patched, removed");
