// The page in the frame of another origin: what it says, whom it hears, and what each message does.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LOOPBACK_PARENT, OTHER_PARENT, Parent, iframe } from "./harness/parent.js";
import { LOCALES, Person, STEPS } from "./harness/person.js";
import { stage } from "./harness/stage.js";

const { vetd, browser } = await stage({ shows: "passport" }, (vetd) => vetd.template("passport", { steps: STEPS, locales: LOCALES }));

/**
 * @param {Record<string, any>} session
 * @param {string} type
 * @param {unknown} data
 */
function envelope(session, type, data) {
  return { type, version: 1, session_id: session.id, livemode: false, emitted_at: new Date().toISOString(), data };
}

/**
 * A session in a frame, ready.
 * @param {Record<string, any>} [body]
 * @param {string} [origin]
 */
async function framed(body = {}, origin = LOOPBACK_PARENT) {
  const session = await vetd.session({ template_slug: "passport", ...body });
  const context = await browser.newContext();
  const parent = await Parent.open(context, { origin, address: session.iframe_url });
  await parent.hear("kyc.ready");
  const person = new Person(parent.frame);
  await person.sees("Confirm who you are");
  return { session, context, parent, person };
}

/** How many messages the page was sent that were not for it. @param {Parent} parent @param {number} count */
async function ignores(parent, count) {
  await parent.page.frameLocator("iframe[title]").locator(`html[data-ignored-messages="${count}"]`).waitFor({ state: "attached" });
}

test("the parent hears the flow in order, each message in its envelope and from vetd's origin", async () => {
  const { session, context, parent, person } = await framed({ redirect_url: "https://shop.example.com/done" });
  await person.consents();
  await person.submitsData();
  await person.chooses();
  await person.picks("passport");
  await person.uses();
  const completed = await parent.hear("kyc.completed");
  assert.deepEqual(completed.data, { status: "completed", redirect_url: "https://shop.example.com/done" });
  const heard = await parent.heard();
  for (const { origin, data } of heard) {
    assert.equal(origin, vetd.url);
    assert.deepEqual(Object.keys(data).sort(), ["data", "emitted_at", "livemode", "session_id", "type", "version"]);
    assert.deepEqual([data.version, data.session_id, data.livemode], [1, session.id, false]);
    assert.equal(new Date(data.emitted_at).toISOString(), data.emitted_at);
  }
  const told = heard.map(({ data }) => data).filter(({ type }) => type !== "kyc.resize");
  const phases = told.map(({ type, data }) => [type, data.status, data.phase].filter(Boolean).join(" "));
  // Checks may be over before the page is told that they run.
  assert.deepEqual(phases.filter((one) => one !== "kyc.status_changed in_progress submitted"), [
    "kyc.ready",
    "kyc.status_changed requires_input collecting",
    "kyc.status_changed in_progress collecting",
    "kyc.status_changed completed decided",
    "kyc.completed completed",
  ]);
  await person.sees("You are verified");
  assert.equal(await parent.frame.getByRole("button", { name: "Continue" }).count(), 0, "the parent leads on");
  await context.close();
});

test("what is sent but not decided is called so", async () => {
  const { context, parent, person } = await framed({ test_outcome: "requires_review" });
  await person.consents();
  await person.submitsData();
  await person.chooses();
  await person.picks("passport");
  await person.uses();
  await person.sees("Thank you, all is sent");
  const changed = await parent.hear("kyc.status_changed", { status: "requires_review" });
  assert.equal(changed.data.phase, "in_review");
  assert.equal((await parent.hear("kyc.completed")).data.status, "requires_review");
  await context.close();
});

test("the frame grows with what is in it", async () => {
  const { context, parent, person } = await framed();
  // The parent does what it is told, as embed.js would.
  await parent.page.evaluate(() => {
    const follow = (/** @type {any} */ message) => {
      const frame = document.querySelector("iframe");
      if (frame && message.type === "kyc.resize") frame.style.height = `${message.data.height}px`;
    };
    /** @type {any} */ (window).heard.forEach((/** @type {any} */ one) => follow(one.data));
    addEventListener("message", ({ data }) => follow(data));
  });
  const frame = await (await parent.page.$("iframe"))?.contentFrame();
  const fitted = async () => {
    await frame?.waitForFunction(() => innerHeight === Math.ceil(document.body.getBoundingClientRect().height));
    return Number(await frame?.evaluate(() => innerHeight));
  };
  await fitted();
  await person.consents();
  const empty = await fitted();
  await person.presses("Continue");
  await parent.frame.getByText("Please fill this in.").first().waitFor();
  assert.ok((await fitted()) > empty, "what is wrong takes room");
  await context.close();
});

test("the parent chooses the theme and the language", async () => {
  const { session, context, parent, person } = await framed();
  await parent.say(envelope(session, "kyc.configure", { theme: "dark", locale: "de" }));
  await person.sees("Bestätigen Sie, wer Sie sind");
  const html = parent.frame.locator("html");
  assert.deepEqual([await html.getAttribute("data-theme"), await html.getAttribute("lang")], ["dark", "de"]);
  await parent.say(envelope(session, "kyc.configure", { theme: "light", locale: "ar" }));
  await parent.frame.locator('html[dir="rtl"][data-theme="light"]').waitFor({ state: "attached" });
  await parent.say(envelope(session, "kyc.configure", { theme: "neon", locale: "tlh" }));
  await parent.say({ ...envelope(session, "kyc.configure", {}), version: 2 });
  await ignores(parent, 1);
  assert.deepEqual([await html.getAttribute("data-theme"), await html.getAttribute("lang")], ["light", "ar"]);
  await context.close();
});

test("the parent cancels", async () => {
  const { session, context, parent, person } = await framed();
  await parent.say(envelope(session, "kyc.cancel", {}));
  await parent.hear("kyc.canceled");
  await person.sees("The verification was cancelled");
  assert.equal((await vetd.call("GET", `/v1/sessions/${session.id}`)).status, "canceled");
  await context.close();
});

test("the person cancels, and the tenant does", async () => {
  const mine = await framed();
  await mine.person.presses("Cancel the verification");
  await mine.person.presses("Cancel for good");
  await mine.parent.hear("kyc.status_changed", { status: "canceled", phase: "ended" });
  await mine.parent.hear("kyc.canceled");
  await mine.context.close();
  const theirs = await framed();
  await vetd.call("POST", `/v1/sessions/${theirs.session.id}/cancel`, {});
  await theirs.parent.hear("kyc.canceled");
  await theirs.person.sees("The verification was cancelled");
  await theirs.context.close();
});

test("messages of a wrong shape are ignored and counted", async () => {
  const { session, context, parent } = await framed();
  const right = envelope(session, "kyc.cancel", {});
  const wrong = [
    null, "kyc.cancel", 7, [], {},
    { ...right, type: "kyc.delete" },
    { ...right, version: "1" },
    { ...right, session_id: "ses_01jdf2myt0fzzvzzzzzzzzzzzz" },
    { ...right, livemode: true },
    { ...right, emitted_at: "soon" },
    { ...right, data: null },
  ];
  for (const message of wrong) await parent.say(message);
  await ignores(parent, wrong.length);
  assert.equal((await vetd.call("GET", `/v1/sessions/${session.id}`)).status, "requires_input");
  await context.close();
});

test("messages of another origin are ignored and counted", async () => {
  const { session, context, parent } = await framed();
  // A frame of a stranger beside ours, in a page that is allowed.
  const message = JSON.stringify(envelope(session, "kyc.cancel", {}));
  await parent.page.route("http://stranger.localhost/**", (route) =>
    route.fulfill({ contentType: "text/html", body: `<script>parent.frames[0].postMessage(${message}, "*")</script>` }),
  );
  await parent.page.evaluate(() => {
    const frame = document.createElement("iframe");
    frame.src = "http://stranger.localhost/";
    document.body.append(frame);
  });
  await ignores(parent, 1);
  assert.equal((await vetd.call("GET", `/v1/sessions/${session.id}`)).status, "requires_input");
  await context.close();
});

test("an origin that the workspace allows is told, and nobody else in between", async () => {
  await vetd.call("PATCH", "/v1/workspace", { allowed_origins: [OTHER_PARENT] });
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const parent = await Parent.open(context, { origin: OTHER_PARENT, address: session.iframe_url });
  assert.equal((await parent.hear("kyc.ready")).session_id, session.id);
  // A page that sends no referrer is recognised all the same.
  const silent = await vetd.session({ template_slug: "passport" });
  const other = await Parent.open(context, {
    origin: OTHER_PARENT, body: iframe(silent.iframe_url), headers: { "Referrer-Policy": "no-referrer" },
  });
  await other.hear("kyc.ready");
  await context.close();
});

test("a session that ends by its time says so", async () => {
  const { session, context, parent, person } = await framed();
  await vetd.simulate(session, "expire");
  await person.sees("The time is up");
  assert.equal((await parent.hear("kyc.error", { code: "session_expired" })).data.message, "The time is up");
  await parent.hear("kyc.status_changed", { status: "expired", phase: "ended" });
  await context.close();
});
