// The whole flow with a mouse: from the link to the decision, on a page by itself.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SPECIMEN_SIZE, specimen, stopClock } from "./harness/browser.js";
import { scan } from "./harness/pdf.js";
import { Person, STEPS, open } from "./harness/person.js";
import { stage } from "./harness/stage.js";

const { vetd, browser } = await stage({ shows: "passport" }, async (vetd) => {
  await vetd.template("passport", { steps: STEPS });
  await vetd.template("selfie", { steps: [{ type: "selfie" }, { type: "liveness" }] });
  await vetd.template("data", { steps: STEPS.slice(0, 2), checks: [{ type: "data_completeness", on_fail: "retry" }] });
});

/** @param {Record<string, any>} session */
async function verification(session) {
  return vetd.call("GET", `/v1/verifications/${session.verification_id}`);
}

test("a passport before the camera completes the session", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext({ permissions: ["camera"] });
  const { page, person } = await open(context, session);
  await person.sees("Confirm who you are");
  assert.ok(!page.url().includes("token="), "the token has left the address");
  const link = page.getByRole("link", { name: /privacy notice/ });
  assert.deepEqual(
    [await link.getAttribute("href"), await link.getAttribute("rel"), await link.getAttribute("target")],
    ["https://example.com/privacy", "noopener noreferrer", "_blank"],
  );
  await person.consents();
  await person.submitsData();
  await person.chooses();
  await person.photographs();
  await person.uses();
  await person.sees("You are verified");
  const made = await verification(session);
  assert.equal(made.status, "completed");
  assert.deepEqual(
    [made.fields.first_name.value, made.fields.document_number.source],
    ["ANNA MARIA", "document_mrz"],
  );
  await context.close();
});

test("a page by itself leads on after a while, or when the person wants it", async () => {
  const shop = "http://127.0.0.1:9/done";
  const session = await vetd.session({ template_slug: "data", test_outcome: "completed", redirect_url: shop });
  await vetd.simulate(session, "load", "submit");
  const context = await browser.newContext();
  await context.route(shop, (route) => route.fulfill({ body: "back at the shop" }));
  const open = async () => {
    const page = await context.newPage();
    await stopClock(page);
    await page.goto(session.iframe_url);
    const person = new Person(page);
    await person.sees("You are verified");
    return { page, person };
  };
  const left = await open();
  await left.page.clock.runFor(8_000);
  await left.page.waitForURL(shop);
  const kept = await open();
  await kept.person.presses("Stay here");
  await kept.page.clock.runFor(60_000);
  await kept.person.presses("Continue");
  await kept.page.waitForURL(shop);
  await context.close();
});

test("both sides of a card are asked for, and may come from files", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { person } = await open(context, session);
  await person.consents();
  await person.submitsData();
  await person.chooses("Identity card");
  await person.sees("The front of your identity card");
  await person.picks("id_card_front");
  await person.uses();
  await person.sees("The back of your identity card");
  await person.picks("id_card_back");
  await person.uses();
  await person.sees("You are verified");
  const { media } = await verification(session);
  assert.deepEqual(media.map((/** @type {any} */ one) => one.kind), ["document_front", "document_back"]);
  await context.close();
});

test("a document may come as PDF, which is sent as it is; a face may not", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.consents();
  await person.submitsData();
  await person.chooses();
  await page.getByText("Files: JPEG, PNG, WebP").filter({ hasText: "PDF" }).waitFor();
  const passport = await specimen("passport");
  const chooses = (/** @type {Buffer} */ buffer, on = page) =>
    on.locator("input[type=file]").setInputFiles({ name: "scan.pdf", mimeType: "application/pdf", buffer });
  await chooses(scan([passport, passport, passport], SPECIMEN_SIZE));
  await person.sees("Send this file?");
  await page.getByText("scan.pdf").waitFor();
  await person.presses("Send this file");
  await page.getByText("This PDF has too many pages.").waitFor();
  await chooses(scan([passport], SPECIMEN_SIZE));
  await person.presses("Send this file");
  await person.sees("You are verified");
  assert.equal((await verification(session)).fields.document_number.source, "document_mrz");

  const selfie = await open(context, await vetd.session({ template_slug: "selfie" }));
  await selfie.person.sees("A picture of your face");
  assert.doesNotMatch(String(await selfie.page.locator("input[type=file]").getAttribute("accept")), /pdf/);
  await chooses(scan([passport], SPECIMEN_SIZE), selfie.page);
  await selfie.page.getByText("PDF files are not taken.").waitFor();
  await context.close();
});

test("a picture that lacks what machines read is advised against, and can be taken again", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { person } = await open(context, session);
  await person.consents();
  await person.submitsData();
  await person.chooses();
  await person.picks("selfie");
  await person.uses();
  await person.sees("A better picture would help");
  await person.presses("Take again");
  await person.picks("passport");
  await person.uses();
  await person.sees("You are verified");
  await context.close();
});

test("a turned picture is sent as it is shown", async () => {
  const session = await vetd.session({ template_slug: "selfie" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.picks("selfie");
  const picture = page.getByRole("img", { name: "The picture that you took" });
  const size = () => picture.evaluate((/** @type {HTMLImageElement} */ image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight]));
  const [width, height] = await size();
  await person.presses("Turn");
  await page.waitForFunction(([width]) => document.querySelector("img")?.naturalHeight === width, [width]);
  assert.deepEqual(await size(), [height, width]);
  const answer = page.waitForResponse((response) => response.url().endsWith("/media/selfie") && response.status() === 200);
  await person.uses();
  const { width: sentWidth, height: sentHeight } = await (await answer).json();
  assert.deepEqual([sentWidth, sentHeight], [height, width]);
  await context.close();
});

test("a selfie and the person's word end with somebody who decides", async () => {
  const session = await vetd.session({ template_slug: "selfie" });
  const context = await browser.newContext();
  const { person } = await open(context, session);
  await person.picks("selfie");
  await person.uses();
  await person.presses("Yes, it is me");
  await person.sees("Thank you, all is sent");
  assert.equal((await verification(session)).status, "requires_review");
  await context.close();
});

test("what is wrong is said once a field is left, and taken back when it is mended", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.consents();
  const error = page.locator(".field-error:visible");
  await page.getByLabel("Year").fill("2999");
  await page.getByLabel("Day").fill("31");
  await page.getByLabel("Month").selectOption("2");
  assert.equal(await error.count(), 0, "nothing while the person is at it");
  await page.getByLabel("First names").focus();
  await error.waitFor();
  assert.equal(await error.textContent(), "This is not a full date. The year has four digits.");
  assert.equal(await page.getByLabel("Day").getAttribute("aria-invalid"), "true");
  await page.getByLabel("Month").selectOption("8");
  assert.equal(await error.textContent(), "This date lies in the future.");
  await page.getByLabel("Year").fill("1974");
  await error.waitFor({ state: "hidden" });
  await person.presses("Continue");
  assert.deepEqual(await error.allTextContents(), ["Please fill this in.", "Please fill this in."]);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "first_name");
  await context.close();
});

test("another attempt begins with the reason, and with what was typed", async () => {
  const session = await vetd.session({ template_slug: "data" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.consents();
  await person.types();
  await page.getByLabel("Last name").fill("n/a");
  await person.presses("Submit");
  await person.sees("Please try once more");
  await page.getByText("Some of your details are missing or cannot be right").waitFor();
  await page.getByText("Attempt 2 of 3").waitFor();
  await person.presses("Try again");
  await person.sees("Your details");
  assert.equal(await page.getByLabel("First names").inputValue(), "ANNA MARIA");
  await page.getByLabel("Last name").fill("ERIKSSON");
  await person.presses("Submit");
  await person.sees("You are verified");
  await context.close();
});

test("the way back leads to what was typed, which can be sent anew", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.consents();
  await person.submitsData();
  await person.presses("Back");
  await person.sees("Your details");
  assert.equal(await page.getByLabel("Year").inputValue(), "1974");
  await page.getByLabel("Last name").fill("ERIKSON");
  await person.presses("Continue");
  await person.sees("Your document");
  await person.chooses();
  await person.picks("passport");
  await person.uses();
  await person.sees("Thank you, all is sent");
  assert.equal((await verification(session)).last_error.code, "data_similar");
  await context.close();
});

test("a test session has specimens to fill in and to show, and outcomes to choose", async () => {
  const context = await browser.newContext();
  const session = await vetd.session({ template_slug: "passport" });
  const { page, person } = await open(context, session);
  await page.getByText("Test mode: nothing counts here.").waitFor();
  await person.consents();
  await person.presses("Fill in specimen data");
  await page.waitForFunction(() => /** @type {HTMLInputElement | null} */ (document.querySelector("[name=last_name]"))?.value === "ERIKSSON");
  await person.presses("Continue");
  await person.sees("Your document");
  await person.presses("Fill in specimen data");
  await page.waitForFunction(() => document.querySelector("select")?.value === "DE");
  await person.presses("Continue");
  await person.presses("passport");
  await person.uses();
  await person.sees("You are verified");
  const endings = { failed: "We could not verify you", requires_review: "Thank you, all is sent", expired: "The time is up" };
  for (const [outcome, heading] of Object.entries(endings)) {
    const other = await open(context, await vetd.session());
    await other.page.getByText("Test mode: end the session with").click();
    await other.person.presses(outcome);
    await other.person.sees(heading);
  }
  await context.close();
});

test("the desk follows what happens on the phone", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const desk = await browser.newContext();
  const { page, person } = await open(desk, session);
  await person.consents();
  await person.submitsData();
  await person.chooses();
  const answer = page.waitForResponse((response) => response.url().endsWith("/handoff"));
  await person.presses("Continue on your phone");
  await page.getByRole("img", { name: /Code that opens/ }).waitFor();
  const { url } = await (await answer).json();

  const phone = await browser.newContext({ viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true });
  const other = await phone.newPage();
  await other.goto(url);
  const holder = new Person(other);
  await holder.sees("Your document");
  await holder.chooses();
  assert.equal(await other.getByRole("button", { name: "Continue on your phone" }).count(), 0);
  await holder.picks("passport");
  await holder.uses();
  await holder.sees("You are verified");
  await person.sees("You are verified");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await Promise.all([desk.close(), phone.close()]);
});

test("who chose the wrong kind of document chooses anew in the next attempt", async () => {
  await vetd.template("kinds", { steps: [{ type: "document_upload" }] });
  const session = await vetd.session({ template_slug: "kinds" });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.chooses("Identity card");
  for (const side of ["front", "back"]) {
    await person.sees(new RegExp(`The ${side} of your identity card`));
    await person.picks("passport");
    await person.uses();
  }
  await person.sees("Please try once more");
  await page.getByText("This is not the kind of document that you chose.").waitFor();
  await person.presses("Try again");
  await person.chooses("Passport");
  await person.picks("passport");
  await person.uses();
  await person.sees("You are verified");
  await context.close();
});
