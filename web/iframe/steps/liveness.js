// Liveness: this page tells no living person from a picture, and says so. What the flow asks for here is
// the person's word; a provider or somebody of the tenant looks at the rest.

import { button, busy, screen } from "../layout.js";

/** @import { App, Screen } from "../types.js" */

/**
 * @param {App} app
 * @returns {Screen}
 */
export function livenessScreen({ t, session }) {
  const go = button(t("liveness.confirm"), { icon: "check", press: () => void busy(go, () => session.submit("liveness", {})) });
  return { element: screen({ icon: "face", title: t("liveness.title"), lead: t("liveness.text"), actions: [go] }) };
}
