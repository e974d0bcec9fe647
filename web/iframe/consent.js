// Consent: the template's text, and one button that says yes.

import { confirmCancel } from "./cancel.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { button, busy, screen } from "./layout.js";
import { pieces } from "./links.js";

/** @import { App, Screen, Step } from "./types.js" */

/**
 * @param {App} app
 * @param {Step} step
 * @returns {Screen}
 */
export function consentScreen(app, step) {
  const { t } = app;
  const agree = button(t("consent.agree"), {
    icon: "check",
    press: () => void busy(agree, () => app.session.submit("consent", { accepted: true })),
  });
  const element = screen({
    icon: "shield",
    title: t("consent.title"),
    lead: t("consent.lead"),
    body: [list(app), h("div", { class: "consent" }, ...paragraphs(step.text ?? "", t("link.new_tab")))],
    actions: [agree, button(t("consent.decline"), { look: "quiet", press: () => confirmCancel(app) })],
  });
  return { element };
}

/** What comes next, so that nobody begins without their document at hand. @param {App} app */
function list({ store, t }) {
  const names = /** @type {const} */ ({ data_entry: "person", document_upload: "card", selfie: "face", liveness: "face" });
  const steps = (store.get().session?.steps ?? []).filter((step) => step.type !== "consent");
  const items = steps.map((step) => {
    const type = /** @type {keyof typeof names} */ (step.type);
    return h("li", {}, icon(names[type]), h("span", {}, t(step.challenges ? "need.moves" : `need.${type}`)));
  });
  return h("ul", { class: "tips" }, ...items);
}

/**
 * @param {string} text
 * @param {string} newTab
 */
function paragraphs(text, newTab) {
  return text.split(/\n\s*\n/).map((paragraph) => h("p", { dir: "auto" }, ...pieces(paragraph).map((piece) => linked(piece, newTab))));
}

/**
 * @param {import("./links.js").Piece} piece
 * @param {string} newTab
 */
function linked({ text, href }, newTab) {
  if (!href) return text;
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, text, h("span", { class: "visually-hidden" }, ` ${newTab}`));
}
