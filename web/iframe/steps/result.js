// The end, each kind of it in plain words. Only a page that stands by itself leads on; in a frame the
// embedding page does.

import { h } from "../dom.js";
import { button, notice, screen } from "../layout.js";
import { isWebAddress } from "../links.js";
import { reasonKey } from "../reasons.js";

/** @import { App, Screen, Status } from "../types.js" */

/** Seconds until a page that stands by itself leads on. */
const REDIRECT_AFTER = 8;

const LOOKS = /** @type {const} */ ({
  completed: ["check", "good"],
  failed: ["close", "bad"],
  requires_review: ["clock", "wait"],
  canceled: ["close", "wait"],
  expired: ["clock", "wait"],
});

/**
 * @param {App} app
 * @param {keyof typeof LOOKS} status
 * @returns {Screen}
 */
export function resultScreen(app, status) {
  const { t, store, frame } = app;
  const { session } = store.get();
  const [icon, tone] = LOOKS[status];
  const url = session?.redirect_url ?? null;
  const leads = !frame.isFramed && isWebAddress(url) && status !== "expired";
  const onward = leads ? redirect(app, /** @type {string} */ (url)) : null;
  const code = session?.last_error?.code;
  const reason = status === "failed" && code ? notice("info", "alert", [h("p", {}, t(reasonKey(code)))]) : null;
  const closing = !onward && status !== "expired" ? h("p", { class: "fine" }, t(frame.isFramed ? "result.framed" : "result.close")) : null;
  return {
    element: screen({
      icon, tone, title: t(`result.${status}.title`), lead: t(`result.${status}.text`),
      body: [reason, closing, ...(onward?.body ?? [])],
      actions: onward?.actions ?? [],
    }),
    leave: () => onward?.stop(),
  };
}

/**
 * Leads on by itself after a while, unless the person wants to stay.
 * @param {App} app
 * @param {string} url
 */
function redirect({ t }, url) {
  let left = REDIRECT_AFTER;
  const text = h("p", { class: "fine" });
  const say = () => (text.textContent = t("result.redirect", { n: left }));
  const timer = setInterval(() => {
    left -= 1;
    if (left <= 0) go();
    else say();
  }, 1000);
  const stop = () => {
    clearInterval(timer);
    text.remove();
    stay.remove();
  };
  const go = () => {
    clearInterval(timer);
    location.assign(url);
  };
  const stay = button(t("result.stay"), { look: "quiet", press: stop });
  say();
  return { body: [text], actions: [button(t("app.continue"), { press: go }), stay], stop: () => clearInterval(timer) };
}
