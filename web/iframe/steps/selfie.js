// A picture of the person's face.

import { captureScreen } from "./capture.js";
import { button, busy, screen } from "../layout.js";

/** @import { App, Screen } from "../types.js" */

/**
 * @param {App} app
 * @returns {Screen}
 */
export function selfieScreen(app) {
  const { t, store, session } = app;
  const isThere = store.get().session?.media.some(({ kind }) => kind === "selfie");
  if (isThere) return sentScreen(app);
  return captureScreen(app, {
    kind: "selfie",
    shape: "face",
    title: t("selfie.title"),
    lead: t("selfie.lead"),
    question: t("capture.question_face"),
    tips: [["face", t("tip.face_light")], ["person", t("tip.face_bare")], ["check", t("tip.face_alone")]],
    advise: () => null,
    onSent: () => session.submit("selfie", {}),
  });
}

/**
 * Sent before a reload, or from the phone: only the word is missing.
 * @param {App} app
 * @returns {Screen}
 */
function sentScreen({ t, session }) {
  const go = button(t("app.continue"), { press: () => void busy(go, () => session.submit("selfie", {})) });
  return { element: screen({ icon: "check", title: t("selfie.title"), lead: t("document.received"), actions: [go] }) };
}
