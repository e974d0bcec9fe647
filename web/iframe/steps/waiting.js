// Everything is sent, nothing is decided yet.

import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { screen } from "../layout.js";

/** @import { App, Screen, State } from "../types.js" */

/** After so many milliseconds the person is told that it takes longer. */
const LONG = 15_000;

/**
 * @param {App} app
 * @returns {Screen}
 */
export function waitingScreen({ t, store }) {
  const list = h("ul", { class: "progress-list" });
  const patience = h("p", { class: "fine", role: "status" });
  const timer = setTimeout(() => (patience.textContent = t("waiting.long")), LONG);

  /** @param {State} state */
  function update({ session }) {
    const progress = session?.progress;
    const row = (/** @type {string} */ text, /** @type {boolean} */ isDone) =>
      h("li", { class: isDone ? "done" : "" }, isDone ? icon("check") : h("span", { class: "spinner small" }), h("span", {}, text));
    const counted = progress && progress.total > 1 ? t("waiting.progress", progress) : t("waiting.checking");
    replace(list, row(t("waiting.received"), true), row(counted, false));
  }

  update(store.get());
  return {
    element: screen({ title: t("waiting.title"), lead: t("waiting.lead"), body: [list, patience] }),
    update,
    leave: () => clearTimeout(timer),
  };
}
