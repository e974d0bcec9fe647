// Asks before the person ends the session.

import { h } from "./dom.js";
import { button, busy, openDialog } from "./layout.js";

/** @import { App } from "./types.js" */

/** @param {App} app */
export function confirmCancel(app) {
  const { t } = app;
  openDialog(t("cancel.title"), t("app.close"), (close) => {
    const yes = button(t("cancel.yes"), {
      look: "danger",
      press: () =>
        void busy(yes, async () => {
          await app.session.cancel();
          close();
        }),
    });
    return [
      h("p", {}, t("cancel.text")),
      h("div", { class: "actions" }, button(t("cancel.no"), { press: close }), yes),
    ];
  });
}
