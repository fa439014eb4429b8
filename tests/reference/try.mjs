// Opens the API reference in a browser, tries requests from it with and without a key, and checks
// that nothing is loaded from other servers.
//
//   node try.mjs URL-OF-THE-SERVICE KEY PATH-OF-THE-BROWSER PICTURE.png

import assert from "node:assert/strict";
import { open } from "./browser.mjs";

const [service, key, executablePath, picture] = process.argv.slice(2);
const customer = "cus_01h1w8r7s2v4l5m6n7p8j9k0q2";

const browser = await open(executablePath);
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== service && url.protocol !== "data:") {
      complaints.push(`a request to ${url}`);
    }
  });

  await page.goto(`${service}/docs`);
  await page.locator(".opblock").first().waitFor();
  assert.equal(await page.locator(".opblock").count(), 14);
  assert.match(await page.locator(".info .title").innerText(), /Addressbook/);

  // Fills in the parameters, presses the button, and returns the response's status and body.
  async function tryOut(operation, parameters = {}) {
    const block = page.locator(`[id$="-${operation}"]`);
    await block.locator(".opblock-summary").click();
    for (const [name, value] of Object.entries({ customer_id: customer, ...parameters })) {
      await block.locator(`[data-param-name="${name}"] input`).fill(value);
    }
    await block.locator("button.execute").click();
    const answer = block.locator(".live-responses-table .response");
    await answer.waitFor();
    return {
      status: (await answer.locator(".response-col_status").innerText()).trim(),
      body: await answer.locator(".response-col_description pre").first().innerText(),
    };
  }

  const refused = await tryOut("getAddress", { address_id: "add_01h1x0z5y4c1v2f5k6p3j9n8m7" });
  assert.match(refused.status, /^401/);
  // The browser itself logs that error.
  assert.match(complaints.splice(0).join(), /^Failed to load resource: .* 401 \([^)]*\)$/);

  await page.locator("button.authorize").first().click();
  const dialog = page.locator(".dialog-ux");
  await dialog.locator("input").fill(key);
  await dialog.locator("button.authorize").click();
  await dialog.locator("button.btn-done").click();

  const listed = await tryOut("listAddresses");
  assert.match(listed.status, /^200/);
  assert.match(listed.body, /add_01h1x0z5y4c1v2f5k6p3j9n8m7/);

  const created = await tryOut("createAddress");
  assert.match(created.status, /^201/);
  assert.match(created.body, /"id": "add_[0-9a-z]{26}"/);

  await page.evaluate(() => scrollTo(0, 900));
  if (picture) await page.screenshot({ path: picture, fullPage: false });
  assert.deepEqual(complaints, []);
  console.log("the reference renders, and requests tried from it succeed");
} finally {
  await browser.close();
}
