// The checks ask for another attempt: why, and what to do about it.

import { h } from "../dom.js";
import { notice, button, screen } from "../layout.js";
import { reasonKey } from "../reasons.js";

/** @import { App, Screen } from "../types.js" */

/**
 * @param {App} app
 * @returns {Screen}
 */
export function retryScreen({ t, store, draft }) {
  const { session } = store.get();
  const attempts = session?.attempts ?? 0;
  const go = () => {
    draft.set("acknowledged", attempts);
    store.set({ acknowledged: attempts });
  };
  return {
    element: screen({
      icon: "retake",
      title: t("retry.title"),
      lead: t("retry.lead"),
      body: [
        notice("warn", "alert", [h("p", {}, t(reasonKey(session?.last_error?.code ?? "")))]),
        h("p", { class: "fine" }, t("retry.attempt", { n: attempts + 1, max: session?.max_attempts ?? 0 })),
      ],
      actions: [button(t("retry.go"), { press: go })],
    }),
  };
}
