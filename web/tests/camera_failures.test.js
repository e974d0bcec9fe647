// Every way in which the camera fails: it has a name, a cure, and a way around it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchFor } from "./harness/browser.js";
import { Parent, iframe } from "./harness/parent.js";
import { Person } from "./harness/person.js";
import { Vetd } from "./harness/vetd.js";

/** @type {Vetd} */
let vetd;

before(async () => {
  vetd = await Vetd.start();
  await vetd.template("passport", { steps: [{ type: "document_upload", documents: ["passport"], countries: ["DE"] }] });
});
after(() => vetd.stop());

/**
 * @param {import("node:test").TestContext} t
 * @param {object} how
 * @param {import("./harness/browser.js").Camera} [how.camera]
 * @param {(address: string) => string} [how.body]
 * @param {() => void} [how.script] what the browser is made to be
 * @param {string} code
 * @param {string} title
 */
async function fails(t, { camera = {}, body = iframe, script }, code, title) {
  const browser = await launchFor(t, camera);
  const context = await browser.newContext();
  if (script) await context.addInitScript(script);
  const session = await vetd.session({ template_slug: "passport" });
  const parent = await Parent.open(context, { body: body(session.iframe_url) });
  const person = new Person(parent.frame);
  await person.presses("Use the camera");
  await parent.frame.getByText(title, { exact: true }).waitFor();
  assert.deepEqual((await parent.hear("kyc.error")).data, { code, message: title });
  await parent.frame.getByText("Or choose a file: that always works.").waitFor();
  await person.picks("passport");
  await person.uses();
  await person.sees("You are verified");
}

test("camera_blocked_by_permissions_policy: the parent has not given it", async (t) => {
  const body = (/** @type {string} */ address) => iframe(address).replace('allow="camera; microphone"', "");
  await fails(t, { body }, "camera_blocked_by_permissions_policy", "This page may not use the camera");
});

test("camera_denied: the person or the browser said no", async (t) => {
  await fails(t, { camera: { asks: true } }, "camera_denied", "The camera is not allowed");
});

test("camera_missing: there is none", async (t) => {
  await fails(t, { camera: { missing: true } }, "camera_missing", "No camera was found");
});

test("camera_in_use: another program has it", async (t) => {
  const script = () => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("busy", "NotReadableError"));
  };
  await fails(t, { script }, "camera_in_use", "The camera does not answer");
});

test("insecure_context: no camera without TLS", async (t) => {
  const script = () => Object.defineProperty(navigator, "mediaDevices", { value: undefined });
  await fails(t, { script }, "insecure_context", "The camera needs a secure connection");
});

test("a camera that goes away in the middle is one that does not answer", async (t) => {
  const browser = await launchFor(t, { shows: "selfie" });
  const context = await browser.newContext({ permissions: ["camera"] });
  await context.addInitScript(() => {
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wishes) => {
      const stream = await open(wishes);
      /** @type {any} */ (window).pull = () => stream.getVideoTracks()[0]?.dispatchEvent(new Event("ended"));
      return stream;
    };
  });
  await vetd.template("selfie", { steps: [{ type: "selfie" }] });
  const page = await context.newPage();
  await page.goto((await vetd.session({ template_slug: "selfie" })).iframe_url);
  const person = new Person(page);
  await person.presses("Use the camera");
  await page.getByText("Bring your face into the oval").waitFor();
  await page.evaluate(() => /** @type {any} */ (window).pull());
  await page.getByText("The camera does not answer").waitFor();
});

test("a face is taken by hand, also with the keyboard", async (t) => {
  const browser = await launchFor(t, { shows: "selfie" });
  const context = await browser.newContext({ permissions: ["camera"] });
  await vetd.template("face", { steps: [{ type: "selfie" }] });
  const page = await context.newPage();
  await page.goto((await vetd.session({ template_slug: "face" })).iframe_url);
  const person = new Person(page);
  await person.presses("Use the camera");
  const shutter = page.getByRole("button", { name: "Take the picture" });
  await page.getByText("Bring your face into the oval").waitFor();
  await shutter.focus();
  await page.keyboard.press("Space");
  await person.sees("Is your face clearly visible?");
});
