// The checks ask for another attempt: why, and what to do about it.

import { h } from "../dom.js";
import { notice, button, screen } from "../layout.js";
import { reasonKey } from "../reasons.js";

/** @import { App, Screen } from "../types.js" */

/** After these the document is chosen anew. */
const ABOUT_THE_CHOICE = ["reason.document_type", "reason.country", "reason.country_not_accepted"];

/**
 * @param {App} app
 * @returns {Screen}
 */
export function retryScreen({ t, store, draft }) {
  const { session } = store.get();
  const attempts = session?.attempts ?? 0;
  const reason = reasonKey(session?.last_error?.code ?? "");
  const go = () => {
    draft.set("acknowledged", attempts);
    if (ABOUT_THE_CHOICE.includes(reason)) draft.set("document", null);
    store.set({ acknowledged: attempts });
  };
  return {
    element: screen({
      icon: "retake",
      title: t("retry.title"),
      lead: t("retry.lead"),
      body: [
        notice("warn", "alert", [h("p", {}, t(reason))]),
        h("p", { class: "fine" }, t("retry.attempt", { n: attempts + 1, max: session?.max_attempts ?? 0 })),
      ],
      actions: [button(t("retry.go"), { press: go })],
    }),
  };
}
