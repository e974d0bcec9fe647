// What goes wrong on the way: reloads, lost connections, a busy server, the end of the time, a bad link.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "./harness/browser.js";
import { Person, STEPS, open } from "./harness/person.js";
import { Vetd } from "./harness/vetd.js";

/** @type {Vetd} */
let vetd;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  [vetd, browser] = await Promise.all([Vetd.start(), launch({ shows: "passport" })]);
  await vetd.template("passport", { steps: [...STEPS, { type: "selfie" }, { type: "liveness" }] });
});
after(async () => {
  await browser.close();
  await vetd.stop();
});

test("a reload at every step goes on there, without any command to the server", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  /** @type {string[]} */
  const commands = [];
  page.on("request", (request) => {
    if (request.method() !== "GET" && request.url().includes("/iframe/api/")) commands.push(request.url());
  });
  /** @param {string} heading */
  const reload = async (heading) => {
    await person.sees(heading);
    commands.length = 0;
    await page.reload();
    await person.sees(heading);
    assert.deepEqual(commands, []);
    assert.ok(!page.url().includes("token="));
  };
  await reload("Confirm who you are");
  await person.consents();
  await page.getByLabel("First names").fill("ANNA MARIA");
  await reload("Your details");
  assert.equal(await page.getByLabel("First names").inputValue(), "ANNA MARIA");
  await person.submitsData();
  await reload("Your document");
  await person.chooses("Identity card");
  await reload("The front of your identity card");
  await person.picks("id_card_front");
  await person.uses();
  await reload("The back of your identity card");
  // Sent, but its step not given: as when the tab was closed in between.
  await page.route("**/steps/document_upload", (route) => route.abort());
  await person.picks("id_card_back");
  const sent = page.waitForResponse((response) => response.url().endsWith("/media/document_back") && response.status() === 200);
  await person.uses();
  await sent;
  await page.unroute("**/steps/document_upload");
  await page.reload();
  await reload("Your pictures are here");
  await person.presses("Continue");
  await reload("A picture of your face");
  await person.picks("selfie");
  await person.uses();
  await person.presses("Use it all the same");
  await reload("You yourself");
  await person.presses("Yes, it is me");
  await reload("Thank you, all is sent");
  await context.close();
});

test("a new tab has no token, and starts nothing", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.sees("Confirm who you are");
  const other = await context.newPage();
  /** @type {string[]} */
  const asked = [];
  other.on("request", (request) => request.url().includes("/iframe/api/") && asked.push(request.url()));
  await other.goto(page.url());
  await new Person(other).sees("This link is not complete");
  assert.deepEqual(asked, []);
  await context.close();
});

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
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  assert.equal((await replayed).headers()["idempotent-replayed"], "true");
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
  let refusals = 0;
  await page.route("**/steps/consent", (route) => {
    refusals += 1;
    if (refusals > 1) return route.continue();
    return route.fulfill({ status: 503, headers: { "Retry-After": "1" }, json: { error: { code: "dependency_unavailable", message: "…" } } });
  });
  await person.presses("Agree and continue");
  await page.getByText("The server is busy.").waitFor();
  await person.sees("Your details");
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

test("near the end the time that is left is shown; at the end, that it is over", async () => {
  const session = await vetd.session({ template_slug: "passport", expires_in: 120 });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.consents();
  await page.getByText(/Time left: [01]:\d\d/).waitFor();
  await vetd.restart(120);
  await person.sees("The time is up");
  assert.equal((await vetd.call("GET", `/v1/sessions/${session.id}`)).status, "expired");
  await page.reload();
  await person.sees("The time is up");
  await context.close();
});

test("the token is renewed before it ends", async () => {
  const session = await vetd.session({ template_slug: "passport", expires_in: 7200 });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(session.iframe_url);
  const person = new Person(page);
  await person.sees("Confirm who you are");
  await vetd.restart(1_200);
  const renewed = page.waitForResponse((response) => response.url().endsWith("/iframe/api/token") && response.ok());
  await page.clock.runFor(60_000);
  await renewed;
  // The first token has ended by then; the second has not.
  await vetd.restart(900);
  await page.clock.resume();
  await person.consents();
  await context.close();
});

test("a forged token and the token of another session open nothing", async () => {
  const [session, other] = [await vetd.session(), await vetd.session()];
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(session.iframe_url);
  await new Person(page).sees(/./);
  // As if somebody had changed what the tab keeps.
  await page.evaluate(([id, token]) => sessionStorage.setItem(`vetd.token.${id}`, String(token)), [session.id, `${session.sdk_token.slice(0, -4)}AAAA`]);
  await page.reload();
  await new Person(page).sees("This link does not work");
  const address = new URL(session.iframe_url);
  address.searchParams.set("token", other.sdk_token);
  await page.goto(address.href);
  await new Person(page).sees("This link does not work");
  await context.close();
});
