// Every screen of the page, one after the other, for those who want to look at each.

import { ALL_STEPS, LOCALES, Person, STEPS } from "./person.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */
/** @typedef {(name: string, page: Page) => Promise<void>} Visit */

/** What the tour needs on the server. @param {import("./vetd.js").Vetd} vetd */
export async function prepare(vetd) {
  await vetd.template("tour", { steps: ALL_STEPS, locales: LOCALES });
  await vetd.template("data", { steps: STEPS.slice(0, 2), locales: LOCALES, checks: [{ type: "age" }] });
}

/**
 * Opens a session's page.
 * @param {BrowserContext} context
 * @param {string} address
 */
async function opened(context, address) {
  const page = await context.newPage();
  await page.goto(address);
  return { page, person: new Person(page) };
}

/**
 * The steps of one session, as a person sees them who makes mistakes.
 * @param {import("./vetd.js").Vetd} vetd
 * @param {BrowserContext} context
 * @param {Visit} visit
 */
async function steps(vetd, context, visit) {
  const session = await vetd.session({ template_slug: "tour" });
  const { page, person } = await opened(context, session.iframe_url);
  await person.sees("Confirm who you are");
  await visit("consent", page);
  await person.presses("Cancel the verification");
  await visit("cancel", page);
  await page.keyboard.press("Escape");
  await person.consents();
  await visit("data", page);
  await person.presses("Continue");
  await visit("data-errors", page);
  await person.submitsData();
  await visit("document", page);
  await person.chooses("Identity card");
  await page.getByRole("button", { name: "id card front" }).waitFor();
  await visit("document-front", page);
  await person.presses("Continue on your phone");
  await page.getByRole("dialog").waitFor();
  await visit("phone", page);
  await page.keyboard.press("Escape");
  await page.locator("input[type=file]").setInputFiles({ name: "scan.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(482_113, "%PDF-") });
  await person.sees("Send this file?");
  await visit("file", page);
  await person.presses("Take again");
  await person.picks("id_card_front");
  await visit("preview", page);
  await person.uses();
  await person.sees("The back of your identity card");
  await page.evaluate(() => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"))));
  await person.presses("Use the camera");
  await page.getByText("The camera is not allowed").waitFor();
  await visit("camera-denied", page);
  await person.picks("selfie");
  await person.uses();
  await person.sees("A better picture would help");
  await visit("better-picture", page);
  await page.reload();
  await person.sees("Your pictures are here");
  await visit("received", page);
  await person.presses("Continue");
  await person.sees("A picture of your face");
  await page.getByRole("button", { name: "selfie" }).waitFor();
  await visit("selfie", page);
  await person.presses("Use the camera");
  await page.getByText("Bring your face into the oval").waitFor();
  await visit("camera-face", page);
  await person.presses("Close the camera");
  await person.picks("selfie");
  await person.uses();
  await person.sees("You yourself");
  await visit("liveness", page);
  await page.close();
}

/**
 * The camera with a document before it. It takes the picture by itself once the document is still, but not
 * in a tab that nobody sees.
 * @param {import("./vetd.js").Vetd} vetd
 * @param {BrowserContext} context
 * @param {Visit} visit
 */
async function camera(vetd, context, visit) {
  const session = await vetd.session({ template_slug: "tour" });
  const { page, person } = await opened(context, session.iframe_url);
  await person.consents();
  await person.submitsData();
  await person.chooses();
  await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true }));
  await person.presses("Use the camera");
  await page.getByText("Fit the document into the frame").waitFor();
  await visit("camera-document", page);
  await page.close();
}

/**
 * What comes after the last step.
 * @param {import("./vetd.js").Vetd} vetd
 * @param {BrowserContext} context
 * @param {Visit} visit
 */
async function endings(vetd, context, visit) {
  /** @type {Array<[string, string, Array<"load" | "submit" | "cancel" | "expire">, string | undefined]>} */
  const all = [
    ["retry", "Please try once more", ["load", "submit"], "retry_then_completed"],
    ["completed", "You are verified", ["load", "submit"], "completed"],
    ["failed", "We could not verify you", ["load", "submit"], "failed:age:under_age"],
    ["requires-review", "Thank you, all is sent", ["load", "submit"], "requires_review"],
    ["canceled", "The verification was cancelled", ["load", "cancel"], undefined],
    ["expired", "The time is up", ["load", "expire"], undefined],
  ];
  for (const [name, heading, actions, test_outcome] of all) {
    const redirect_url = name === "completed" ? "http://127.0.0.1:9/" : undefined;
    const session = await vetd.session({ template_slug: "data", test_outcome, redirect_url });
    await vetd.simulate(session, ...actions);
    const { page, person } = await opened(context, session.iframe_url);
    await person.sees(heading);
    await visit(name, page);
    await page.close();
  }
}

/**
 * What is seldom seen: checks that take their time, little time left, no connection, and no way on.
 * @param {import("./vetd.js").Vetd} vetd
 * @param {BrowserContext} context
 * @param {Visit} visit
 */
async function troubles(vetd, context, visit) {
  const session = await vetd.session({ template_slug: "data", expires_in: 240 });
  const { page, person } = await opened(context, session.iframe_url);
  await person.sees("Confirm who you are");
  await page.getByText(/Time left/).waitFor();
  await visit("little-time", page);
  await person.consents();
  await context.setOffline(true);
  await person.types();
  await person.presses("Submit");
  await page.getByText("No connection.").waitFor();
  await visit("offline", page);
  await page.close();
  await context.setOffline(false);

  const slow = await vetd.session({ template_slug: "data" });
  const known = await vetd.callAs(slow.sdk_token, "POST", "/iframe/api/load", {});
  const waiting = { ...known, status: "in_progress", next_step: null, attempts: 1, progress: { done: 3, total: 8 } };
  const { page: waiter, person: patient } = await intercepted(context, slow.iframe_url, { json: waiting });
  await patient.sees("Sent. We are checking it");
  await visit("waiting", waiter);
  await waiter.close();

  for (const [name, status, code, heading] of /** @type {const} */ ([
    ["link-ended", 401, "session_expired", "This link has ended"],
    ["unavailable", 403, "tenant_suspended", "This service is not available"],
    ["problem", 500, "internal_error", "Something went wrong"],
  ])) {
    const answer = { status, json: { error: { code, message: "…", request_id: "req_01m82gge0wfpnrq0y26svfhg6c" } } };
    const { page, person } = await intercepted(context, slow.iframe_url, answer);
    await person.sees(heading);
    await visit(name, page);
    await page.close();
  }
  const wrong = await context.newPage();
  await wrong.goto(`${vetd.url}/iframe`);
  await visit("link-incomplete", wrong);
  await wrong.close();
}

/**
 * A page that is told this of its session.
 * @param {BrowserContext} context
 * @param {string} address
 * @param {{ status?: number, json: unknown }} answer
 */
async function intercepted(context, address, answer) {
  const page = await context.newPage();
  await page.route("**/iframe/api/session", (route) => route.fulfill(answer));
  await page.route("**/iframe/api/session/stream", (route) => route.abort());
  await page.goto(address);
  return { page, person: new Person(page) };
}

/**
 * @param {import("./vetd.js").Vetd} vetd
 * @param {BrowserContext} context
 * @param {Visit} visit
 */
export async function tour(vetd, context, visit) {
  for (const part of [steps, camera, endings, troubles]) await part(vetd, context, visit);
}
