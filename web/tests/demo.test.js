// The demo, as a newcomer opens it after the first start.

import assert from "node:assert/strict";
import { test } from "node:test";

import { overflowing, tooSmall, violations } from "./harness/look.js";
import { stage } from "./harness/stage.js";

const { vetd, browser } = await stage();

test("it creates the session that is asked for and embeds it", async () => {
  const page = await browser.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`${vetd.url}/demo`);
  await page.getByLabel("Flow").selectOption("document");
  await page.getByLabel("Outcome").selectOption("requires_review");
  await page.getByRole("button", { name: "Create a session" }).click();
  await page.frameLocator("iframe").locator("main").waitFor({ state: "attached" });
  const { data } = await vetd.call("GET", "/v1/sessions");
  assert.equal(data.length, 1);
  assert.deepEqual([data[0].template_slug, data[0].metadata], ["scaffold-document", { source: "demo" }]);
  assert.ok((await page.locator("#next").textContent())?.includes(`/v1/verifications/${data[0].verification_id}`));
  await page.getByRole("button", { name: "Remove the iframe" }).click();
  assert.equal(await page.locator("iframe").count(), 0);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("it shows what the page says as it comes, the latest first", async () => {
  const page = await browser.newPage();
  await page.goto(`${vetd.url}/demo`);
  await page.getByRole("button", { name: "Create a session" }).click();
  await page.frameLocator("iframe").locator("main").waitFor({ state: "attached" });
  const frame = await (await page.$("iframe"))?.contentFrame();
  const id = (await vetd.call("GET", "/v1/sessions")).data[0].id;
  for (const type of ["kyc.test_first", "kyc.test_second"]) {
    const message = { type, version: 1, session_id: id, livemode: false, emitted_at: new Date().toISOString(), data: {} };
    await frame?.evaluate((message) => window.parent.postMessage(message, "*"), message);
    await page.locator("#events strong", { hasText: type }).waitFor();
  }
  const shown = await page.locator("#events strong").allTextContents();
  assert.ok(shown.indexOf("kyc.test_second") < shown.indexOf("kyc.test_first"), shown.join());
  await page.close();
});

test("a server that is away is said in words", async () => {
  const page = await browser.newPage();
  await page.goto(`${vetd.url}/demo`);
  await page.route("**/demo/sessions", (route) =>
    route.fulfill({ status: 503, json: { error: { code: "dependency_unavailable", message: "Come back later." } } }),
  );
  await page.getByRole("button", { name: "Create a session" }).click();
  await page.getByRole("alert").filter({ hasText: "Come back later." }).waitFor();
  assert.equal(await page.locator("iframe").count(), 0);
  await page.close();
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  test(`everybody can use it, ${colorScheme}`, async () => {
    const page = await browser.newPage({ colorScheme, viewport: { width: 320, height: 640 } });
    await page.goto(`${vetd.url}/demo`);
    await page.getByLabel("Theme").selectOption(colorScheme);
    await page.getByRole("button", { name: "Create a session" }).click();
    await page.locator("#events strong", { hasText: "kyc.ready" }).waitFor();
    assert.deepEqual(await violations(page), []);
    assert.deepEqual([await overflowing(page), await tooSmall(page)], [[], []]);
    await page.close();
  });
}
