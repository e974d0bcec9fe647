// Asks before the person ends the session.

import { h } from "./dom.js";
import { button, busy, openDialog } from "./layout.js";

/** @import { App } from "./types.js" */

/** @param {App} app */
export function confirmCancel(app) {
  const { t } = app;
  openDialog(t("cancel.title"), t("app.close"), (close) => {
    const yes = button(t("cancel.yes"), {
      press: () =>
        void busy(yes, async () => {
          await app.session.cancel();
          close();
        }),
    });
    return [
      h("p", {}, t("cancel.text")),
      h("div", { class: "actions" }, yes, button(t("cancel.no"), { look: "secondary", press: close })),
    ];
  });
}
