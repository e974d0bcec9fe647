// Moving to the phone: a code that opens the same session there, while this page follows along.

import { h } from "../dom.js";
import { button, busy, notice, openDialog } from "../layout.js";

/** @import { App } from "../types.js" */

/** Only where there is a mouse: a phone need not move to a phone. */
export function canHandOff() {
  return matchMedia("(pointer: fine) and (hover: hover)").matches;
}

/**
 * @param {App} app
 * @param {Event} event
 */
export async function handOff(app, event) {
  const opener = /** @type {HTMLButtonElement} */ (event.currentTarget);
  await busy(opener, () => app.api.post("iframe/api/handoff", {}).then((offer) => show(app, offer), app.session.fail));
}

/**
 * @param {App} app
 * @param {{ url: string, qr_svg: string | null, reachable: boolean }} offer
 */
function show({ t }, { url, qr_svg, reachable }) {
  const copy = button(t("handoff.copy"), {
    look: "secondary",
    press: async () => {
      await navigator.clipboard?.writeText(url).then(() => (said.textContent = t("handoff.copied")), () => {});
    },
  });
  const said = h("p", { class: "fine", role: "status" });
  const address = URL.createObjectURL(new Blob([qr_svg ?? ""], { type: "image/svg+xml" }));
  const dialog = openDialog(t("handoff.title"), t("app.close"), () => [
    h("p", {}, t("handoff.text")),
    !reachable && notice("warn", "alert", [h("p", {}, t("handoff.unreachable"))]),
    qr_svg && h("img", { class: "code", src: address, alt: t("handoff.alt") }),
    h("p", { class: "waiting" }, h("span", { class: "spinner small" }), t("handoff.waiting")),
    notice("info", "lock", [h("p", {}, t("handoff.private"))]),
    h("div", { class: "actions" }, copy),
    said,
  ]);
  dialog.addEventListener("close", () => URL.revokeObjectURL(address));
}
