// What comes after the last step: waiting for the checks, another attempt, and the end, each kind of it in
// plain words.

import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { button, notice, screen } from "../layout.js";
import { isWebAddress } from "../links.js";
import { reasonKey } from "./reasons.js";

/** @import { App, Screen, State, Status } from "../types.js" */

/** After so many milliseconds the person is told that it takes longer. */
const LONG = 15_000;
/** After these the document is chosen anew. */
const ABOUT_THE_CHOICE = ["reason.document_type", "reason.country", "reason.country_not_accepted"];
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
 * Everything is sent, nothing is decided yet.
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

/**
 * The checks ask for another attempt: why, and what to do about it.
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

/**
 * The end. Only a page that stands by itself leads on; in a frame the embedding page does.
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
