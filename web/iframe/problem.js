// The page cannot go on: why, in plain words, and what to do.

import { h } from "./dom.js";
import { button, busy, screen } from "./layout.js";

/** @import { App, Screen, State } from "./types.js" */

/** The files of a screen cannot be had. */
export const INCOMPLETE = "page_incomplete";

/** @type {Record<string, string>} */
const WORDS = {
  link_incomplete: "link_incomplete",
  invalid_signature: "link_invalid", permission_denied: "link_invalid", authentication_required: "link_invalid",
  session_expired: "ended", not_found: "ended",
  tenant_suspended: "unavailable", live_mode_not_activated: "unavailable",
};

/** Which words explain a problem. @param {string} code */
export function problemWords(code) {
  return `problem.${WORDS[code] ?? "failed"}`;
}

/**
 * @param {App} app
 * @param {NonNullable<State["problem"]>} problem
 * @returns {Screen}
 */
export function problemScreen({ t, session, store }, { code, reference }) {
  const words = problemWords(code);
  const again = button(t("app.try_again"), {
    icon: "retake",
    press: () =>
      void busy(again, async () => {
        // Waits for the connection; then all files are asked for anew, maybe those of a newer version.
        if (code === INCOMPLETE) return session.refresh().finally(() => location.reload());
        store.set({ problem: null });
        await session.start();
      }),
  });
  return {
    element: screen({
      icon: "alert", tone: "wait", title: t(`${words}.title`), lead: t(`${words}.text`),
      body: [reference && h("p", { class: "fine" }, t("problem.reference", { id: reference }))],
      actions: words === "problem.failed" ? [again] : [],
    }),
  };
}
