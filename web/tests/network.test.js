// What is lost on the way to the server and back costs the person nothing.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ALL_STEPS, Person, STEPS, open } from "./harness/person.js";
import { stage } from "./harness/stage.js";

const { vetd, browser } = await stage({ shows: "passport" }, (vetd) => vetd.template("passport", { steps: ALL_STEPS }));

test("an upload that is cut goes on where it was cut", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.consents();
  await person.submitsData();
  await person.chooses("Identity card");
  await person.picks("id_card_front");
  await person.uses();
  await person.sees("The back of your identity card");
  /** @type {Array<{ method: string, offset: string | undefined, key: string | undefined }>} */
  const parts = [];
  let cut = true;
  await page.route("**/media/document_back", async (route) => {
    const request = route.request();
    const headers = await request.allHeaders();
    const offset = headers["upload-offset"];
    parts.push({ method: request.method(), offset, key: headers["idempotency-key"] });
    // The second part never arrives, nor does the first question where to go on.
    if (cut && offset !== "0") return route.abort("connectionfailed");
    return route.continue();
  });
  await person.picks("id_card_back");
  await person.uses();
  await page.getByText("No connection. What you have done is kept").waitFor();
  cut = false;
  await person.sees("A picture of your face");
  await page.getByText("No connection. What you have done is kept").waitFor({ state: "hidden" });
  const puts = parts.filter(({ method }) => method === "PUT");
  assert.equal(puts.filter(({ offset }) => offset === "0").length, 1, "the first part was sent once");
  assert.equal(new Set(puts.map(({ key }) => key)).size, 1, "one key for the whole picture");
  assert.ok(parts.some(({ method }) => method === "HEAD"));
  await context.close();
});

test("a step whose answer is lost is sent again with the same key, and counts once", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  /** @type {string[]} */
  const keys = [];
  await page.route("**/steps/consent", async (route) => {
    keys.push(String((await route.request().allHeaders())["idempotency-key"]));
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort("connectionreset");
  });
  const replayed = page.waitForResponse((response) => response.url().endsWith("/steps/consent"));
  await person.consents();
  // The stream may have told already that the first one has counted.
  assert.equal((await replayed).headers()["idempotent-replayed"], "true");
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  await context.close();
});

test("without a connection the page says so, keeps what was typed, and goes on when it is back", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.consents();
  await person.types();
  await context.setOffline(true);
  await person.presses("Continue");
  await page.getByText("No connection.").waitFor();
  assert.equal(await page.getByLabel("Last name").inputValue(), "ERIKSSON");
  await context.setOffline(false);
  await person.sees("Your document");
  await page.getByText("No connection.").waitFor({ state: "hidden" });
  await context.close();
});

test("a busy server is tried again, and says what is wrong if it stays so", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  const busy = page.getByText("The server is busy.");
  let tries = 0;
  await page.route("**/steps/consent", async (route) => {
    tries += 1;
    // The second try gets its answer once the person has been told.
    if (tries > 1) return busy.waitFor().then(() => route.continue());
    return route.fulfill({ status: 503, headers: { "Retry-After": "1" }, json: { error: { code: "dependency_unavailable", message: "…" } } });
  });
  await person.presses("Agree and continue");
  await person.sees("Your details");
  assert.equal(tries, 2);
  await page.route("**/steps/data_entry", (route) =>
    route.fulfill({ status: 500, json: { error: { code: "internal_error", message: "…", request_id: "req_1" } } }),
  );
  await person.types();
  await person.presses("Continue");
  await person.sees("Something went wrong");
  await page.getByText("Reference: req_1").waitFor();
  await page.unroute("**/steps/data_entry");
  await person.presses("Try again");
  await person.sees("Your details");
  await person.presses("Continue");
  await person.sees("Your document");
  await context.close();
});

test("a server that starts again costs the person nothing", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { person } = await open(context, session);
  await person.consents();
  await person.types();
  await vetd.restart();
  await person.presses("Continue");
  await person.sees("Your document");
  await context.close();
});

test("a page that could not begin begins when the person tries again, and follows from then on", async () => {
  await vetd.template("german", { steps: STEPS, locales: ["de"], theme: { radius: "none" } });
  const session = await vetd.session({ template_slug: "german" });
  const context = await browser.newContext({ locale: "en" });
  const page = await context.newPage();
  await page.route("**/iframe/api/session", (route) =>
    route.fulfill({ status: 500, json: { error: { code: "internal_error", message: "…", request_id: "req_1" } } }),
  );
  await page.goto(session.iframe_url);
  const person = new Person(page);
  await person.sees("Something went wrong");
  await page.unroute("**/iframe/api/session");
  await person.presses("Try again");
  await person.sees("Bestätigen Sie, wer Sie sind");
  assert.equal(await page.evaluate(() => document.documentElement.style.getPropertyValue("--radius")), "0");
  await vetd.call("POST", `/v1/sessions/${session.id}/cancel`, {});
  await person.sees("Die Prüfung wurde abgebrochen");
  await context.close();
});

test("a file that is lost on the way is asked for anew when the person tries again", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/steps/data_entry.js", (route) => route.abort());
  await page.goto(session.iframe_url);
  const person = new Person(page);
  await person.presses("Agree and continue");
  await person.sees("Something went wrong");
  await page.unroute("**/steps/data_entry.js");
  await context.setOffline(true);
  await person.presses("Try again");
  await page.getByText("No connection.").waitFor();
  await context.setOffline(false);
  await person.sees("Your details");
  await person.submitsData();
  await context.close();
});

test("where there is no room for a stream the page asks again and again, and nobody is troubled", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/iframe/api/session/stream", (route) =>
    route.fulfill({ status: 429, headers: { "Retry-After": "1" }, json: { error: { code: "rate_limited", message: "…" } } }),
  );
  await page.goto(session.iframe_url);
  const person = new Person(page);
  await person.sees("Confirm who you are");
  await vetd.call("POST", `/v1/sessions/${session.id}/cancel`, {});
  await person.sees("The verification was cancelled");
  assert.equal(await page.getByText("The server is busy.").count(), 0);
  await context.close();
});

test("where a session has sent all the pictures that it may, the person is told", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.consents();
  await person.submitsData();
  await person.chooses();
  for (let sent = 0; sent < 60; sent += 1) {
    const headers = { Authorization: `Bearer ${session.sdk_token}`, "Content-Type": "image/jpeg" };
    const answer = await fetch(`${vetd.url}/iframe/api/media/document_front`, { method: "PUT", headers, body: "no picture" });
    assert.equal(answer.status, 415);
  }
  await person.picks("passport");
  await person.uses();
  await page.getByText("This picture was not accepted.").waitFor();
  await person.sees("The photo page of your passport");
  await context.close();
});

test("a device that knows of its lost connection says so before anything is sent", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.sees("Confirm who you are");
  await context.setOffline(true);
  await page.getByText("No connection.").waitFor();
  await context.setOffline(false);
  await page.getByText("No connection.").waitFor({ state: "hidden" });
  await context.close();
});
