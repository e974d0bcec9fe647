// What only test sessions have: documents and data of a person who does not exist, and an end to choose.
// Names and outcomes stand here as the API writes them: whoever uses them is a developer.

import { h } from "./dom.js";
import { button, busy } from "./layout.js";

/** @import { App, DocumentKind, MediaKind, StepType } from "./types.js" */

/** @typedef {{ name: string, kind: MediaKind, document: DocumentKind | null }} Picture */
/** @typedef {{ pictures: Picture[], steps: Partial<Record<StepType, any>> }} Specimens */

const OUTCOMES = ["completed", "failed", "requires_review", "expired", "retry_then_completed"];

/** @param {App} app */
function isTest({ store }) {
  return store.get().session?.livemode === false;
}

/** @param {App} app @returns {Promise<Specimens>} */
function specimens({ api }) {
  return api.read("iframe/api/specimens");
}

/**
 * Buttons for the specimens that fit.
 * @param {App} app
 * @param {MediaKind} kind
 * @param {DocumentKind | undefined} document
 * @param {(picture: Blob) => void} onPicture
 */
export function specimenButtons(app, kind, document, onPicture) {
  if (!isTest(app)) return null;
  const box = h("div", { class: "test-tools", hidden: true }, h("p", {}, app.t("test.specimens")));
  const fits = (/** @type {Picture} */ one) => one.kind === kind && (one.document === null || document === undefined || one.document === document);
  const add = (/** @type {string} */ name) => {
    const choose = tool(name.replaceAll("_", " "), () =>
      busy(choose, async () => onPicture(await (await app.api.send(`iframe/api/specimens/${name}`, { method: "GET" })).blob())),
    );
    box.append(choose);
    box.hidden = false;
  };
  specimens(app).then(({ pictures }) => pictures.filter(fits).forEach(({ name }) => add(name)), () => {});
  return box;
}

/**
 * A button that fills a step in as a person who does not exist would.
 * @param {App} app
 * @param {StepType} step
 * @param {(body: any) => void} onBody
 */
export function fillButton(app, step, onBody) {
  if (!isTest(app)) return null;
  const fill = tool(app.t("test.fill"), () => busy(fill, async () => onBody((await specimens(app)).steps[step])));
  return h("div", { class: "test-tools" }, fill);
}

/**
 * Buttons that end the session as they say.
 * @param {App} app
 */
export function outcomeButtons(app) {
  const choose = (/** @type {string} */ outcome) => {
    const one = tool(outcome, () => busy(one, () => app.session.chooseOutcome(outcome)));
    return one;
  };
  return h("details", { class: "test-tools" }, h("summary", {}, app.t("test.outcomes")), h("div", { class: "outcomes" }, ...OUTCOMES.map(choose)));
}

/**
 * @param {string} text
 * @param {() => unknown} press
 */
function tool(text, press) {
  return button(text, { look: "secondary", press: () => void press() });
}
