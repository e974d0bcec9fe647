// The page is loaded again, in this tab or another, with its token or a wrong one.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Parent } from "./harness/parent.js";
import { ALL_STEPS, Person, open } from "./harness/person.js";
import { stage } from "./harness/stage.js";

const { vetd, browser } = await stage({ shows: "passport" }, (vetd) => vetd.template("passport", { steps: ALL_STEPS }));

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
  await page.reload();
  await page.unroute("**/steps/document_upload");
  await reload("Your pictures are here");
  await person.presses("Continue");
  await reload("A picture of your face");
  await person.picks("selfie");
  await person.uses();
  await reload("You yourself");
  await person.presses("Yes, it is me");
  await reload("Thank you, all is sent");
  await context.close();
});

test("a later step waits neither for the words nor for the files of another step", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  await (await open(context, session)).person.consents();
  const page = await context.newPage();
  /** @type {Array<() => Promise<void>>} */
  const held = [];
  await page.route(/steps\/(document_upload|outcome)\.js$/, (route) => void held.push(() => route.continue()));
  const asked = page.waitForRequest("**/steps/data_entry.js");
  await page.route("**/locales/en.json", (route) => asked.then(() => route.continue()));
  await page.goto(session.iframe_url);
  const person = new Person(page);
  await person.sees("Your details");
  await person.types();
  await person.presses("Continue");
  await page.locator("main .spinner").waitFor();
  assert.equal(held.length, 2, "asked for once each");
  for (const go of held) await go();
  await person.sees("Your document");
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

test("a parent hears why no session could be opened", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const parent = await Parent.open(context, { address: session.iframe_url });
  await parent.hear("kyc.ready");
  const frame = await (await parent.page.$("iframe"))?.contentFrame();
  const told = async (/** @type {string} */ code, /** @type {string} */ message) => {
    const { origin, data } = await parent.hears("kyc.error", { code });
    assert.equal(origin, vetd.url);
    assert.deepEqual([data.data.message, data.session_id, data.livemode], [message, session.id, undefined]);
  };
  await frame?.evaluate(([key, token]) => {
    sessionStorage.setItem(String(key), String(token));
    location.reload();
  }, [`vetd.token.${session.id}`, `${session.sdk_token.slice(0, -4)}AAAA`]);
  await told("invalid_signature", "This link does not work");
  await frame?.evaluate(() => {
    sessionStorage.clear();
    location.reload();
  });
  await told("link_incomplete", "This link is not complete");
  await context.close();
});
