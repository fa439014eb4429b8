// Opens the example of an address form in a browser, as a page of another origin: chooses countries,
// enters wrong and right addresses, and saves one.
//
//   node form.mjs PAGE.html ORIGIN URL-OF-THE-SERVICE KEY PATH-OF-THE-BROWSER PICTURE.png

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { open } from "./browser.mjs";

const [file, origin, service, key, executablePath, picture] = process.argv.slice(2);
const html = (await readFile(file, "utf8")).replace("http://127.0.0.1:8080\" data", `${service}" data`);
assert.ok(html.includes(`data-service="${service}"`));

async function get(path) {
  const response = await fetch(service + path);
  assert.equal(response.status, 200, path);
  return response.json();
}

// JavaScript reads every pattern, and every pattern accepts its examples.
const { countries } = await get("/v1/countries");
for (const { code } of countries) {
  const { postal_code: rules } = await get(`/v1/countries/${code}`);
  for (const example of rules?.examples ?? []) {
    assert.match(example, new RegExp(`^(?:${rules.pattern})$`), code);
  }
}

const browser = await open(executablePath);
try {
  const page = await browser.newPage({ viewport: { width: 700, height: 900 } });
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.route(`${origin}/**`, (route) => route.fulfill({ body: html, contentType: "text/html" }));
  await page.goto(`${origin}/address-form.html`);

  const field = (name) => page.locator(`#members [name="${name}"]`);
  const label = (name) => page.locator("#members label", { has: page.locator(`[name="${name}"]`) });
  const error = (name) => label(name).locator(".error").innerText();
  const names = () => page.locator("#members [name]").evaluateAll((all) => all.map(({ name }) => name));
  async function choose(code) {
    const loaded = page.waitForResponse(`${service}/v1/countries/${code}`);
    await page.locator("#country").selectOption(code);
    await loaded;
  }

  const street = ["first_line", "second_line"];
  for (const [code, expected, region, subdivisions] of [
    ["JP", ["postal_code", "region", ...street, "organization", "recipient"], "Prefecture", 47],
    ["US", ["recipient", "organization", ...street, "city", "region", "postal_code"], "State", 62],
    ["GB", ["recipient", "organization", ...street, "city", "postal_code"], null, 0],
    ["BR", ["organization", "recipient", ...street, "district", "city", "region", "postal_code"], "State", 27],
    ["AE", ["recipient", "organization", ...street, "region"], "Emirate", 7],
    ["SG", ["recipient", "organization", ...street, "postal_code"], null, 0],
  ]) {
    await choose(code);
    await page.waitForFunction((count) => document.querySelectorAll("#members [name]").length === count, expected.length);
    assert.deepEqual(await names(), expected, code);
    assert.equal(await field("region").count(), region ? 1 : 0, code);
    if (region) {
      assert.match(await label("region").innerText(), new RegExp(`^${region}`));
      assert.equal(await field("region").locator("option").count(), subdivisions + 1, code);
    }
  }

  await choose("US");
  await field("city").waitFor();
  await field("recipient").fill("Ada Lovelace");
  await field("first_line").fill("1 Main Street");
  await field("postal_code").fill("62A01");
  await page.locator("#key").fill(key);
  const posted = [];
  page.on("request", (request) => {
    if (request.method() === "POST") posted.push(request.postDataJSON());
  });
  await page.locator("button").click();
  assert.match(await error("postal_code"), /not a postal code of United States, such as 95014/);
  assert.equal(await error("city"), "This is required.");
  assert.equal(await error("region"), "This is required.");
  assert.equal(await error("recipient"), "");
  if (picture) await page.screenshot({ path: picture });

  await field("city").fill("Springfield");
  await field("region").selectOption("IL");
  await field("postal_code").fill("95014");
  await page.locator("button").click();
  assert.equal(await error("postal_code"), "This is not a postal code of Illinois.");
  assert.deepEqual(posted, []);

  await field("postal_code").fill("62701");
  await page.locator("button").click();
  await page.locator("#outcome", { hasText: "Saved as add_" }).waitFor();
  assert.deepEqual(posted, [{
    country: "US",
    recipient: "Ada Lovelace",
    first_line: "1 Main Street",
    city: "Springfield",
    region: "IL",
    postal_code: "62701",
  }]);

  // What the service rejects is marked, too.
  await field("city").fill("x".repeat(1_000));
  await page.locator("button").click();
  await label("city").locator(".error", { hasText: "200 characters" }).waitFor();
  assert.match(complaints.splice(0).join(), /^Failed to load resource: .* 422 \([^)]*\)$/);

  assert.deepEqual(complaints, []);
  console.log("the form of each country is drawn, wrong addresses are marked, and one is saved");
} finally {
  await browser.close();
}
