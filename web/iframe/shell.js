// What stands around every screen: progress, the way back and out, notices, the language.

import { confirmCancel } from "./cancel.js";
import { h, replace, show } from "./dom.js";
import { LOCALES, offered } from "./i18n.js";
import { icon } from "./icons.js";
import { iconButton } from "./layout.js";
import { currentStep, screenFor, stepBefore } from "./screens.js";
import { hasEnded, isChecking, timeLeft } from "./session.js";
import { outcomeButtons } from "./test_mode.js";

/** @import { App, State } from "./types.js" */

/** From here on the time left is shown, in milliseconds. */
const COUNTDOWN = 5 * 60_000;

/**
 * @param {App} app
 * @param {HTMLElement} root
 * @param {(locale: string) => void} onLocale
 */
export function createShell(app, root, onLocale) {
  const { store } = app;
  const main = h("main", {});
  const head = h("div", {});
  const foot = h("div", { class: "foot" });
  const tools = h("div", {});
  const testBanner = h("p", { class: "banner test" });
  const connection = h("div", { class: "banner", role: "status" });
  const countdown = h("p", { class: "banner time", role: "timer" });
  const spoken = h("p", { class: "visually-hidden", role: "status" });
  let announced = Infinity;
  let drawn = "";
  const top = h("header", {}, testBanner, head, connection, countdown, spoken);
  replace(root, h("div", { class: "page" }, top, main, h("footer", {}, tools, foot)));

  /** Redraws what has changed, and nothing that has the focus without need. @param {State} state */
  function update(state) {
    const { session } = state;
    const signature = JSON.stringify([state.locale, screenFor(state)?.name, stepBefore(state), session?.strings, session?.livemode]);
    if (signature !== drawn) {
      drawn = signature;
      replace(head, ...header(state));
      replace(foot, ...footer(state));
      replace(testBanner, icon("flask"), app.t("test.banner"));
      const isTest = session?.livemode === false;
      show(testBanner, isTest);
      replace(tools, isTest && !hasEnded(session) && !isChecking(session) && outcomeButtons(app));
    }
    const isOffline = state.connection !== "online";
    const text = isOffline ? app.t(`net.${state.connection}`) : "";
    if (connection.textContent !== text) replace(connection, ...(isOffline ? [icon("offline"), text] : []));
    connection.classList.toggle("warn", isOffline);
    document.documentElement.dataset.ignoredMessages = String(state.ignored);
    tick();
  }

  /** @param {State} state */
  function header(state) {
    const { t } = app;
    const { session } = state;
    const isOpen = session !== null && !hasEnded(session) && state.problem === null && session.status !== "created";
    const before = isOpen && !isChecking(session) ? stepBefore(state) : null;
    const back = before && iconButton("back", t("app.back"), () => store.set({ revisited: before }));
    const cancel = isOpen && iconButton("close", t("app.cancel"), () => confirmCancel(app));
    const steps = session?.steps ?? [];
    const step = currentStep(state);
    const place = step ? steps.indexOf(step) + 1 : steps.length;
    const isStep = isOpen && step !== null && !isChecking(session);
    const name = h("p", { class: "name" }, icon("shield"), h("span", {}, t("app.title")));
    const count = isStep ? h("p", { class: "count" }, t("app.step", { n: place, total: steps.length })) : null;
    const track = h("div", { class: "track", "aria-hidden": "true" }, ...steps.map((_, at) => h("span", { class: at < place ? "on" : "" })));
    return [h("div", { class: "bar" }, h("div", { class: "side" }, back), name, h("div", { class: "side end" }, cancel)), isOpen && track, count];
  }

  /** @param {State} state */
  function footer(state) {
    const { t } = app;
    const choice = offered(state.session);
    const note = h("p", {}, icon("lock"), h("span", {}, t("app.sealed")));
    if (choice.length < 2) return [note];
    const options = choice.map((locale) => h("option", { value: locale, lang: locale, selected: locale === state.locale }, nameOf(locale)));
    const select = h("select", { "aria-label": t("app.language"), on: { change: () => onLocale(select.value) } }, ...options);
    return [note, h("div", { class: "language" }, icon("globe"), select)];
  }

  /** The time that is left, once it is short. */
  function tick() {
    const { session, problem } = store.get();
    const left = session && !problem && !hasEnded(session) && !isChecking(session) ? timeLeft(session) : Infinity;
    const isShort = left <= COUNTDOWN;
    show(countdown, isShort);
    if (!isShort) return;
    const seconds = Math.max(0, Math.ceil(left / 1000));
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    const text = app.t("time.left", { time: clock });
    if (countdown.textContent !== text) replace(countdown, icon("clock"), text);
    announce(seconds);
  }

  /** Spoken at five minutes, at two and at one, not each second. @param {number} seconds */
  function announce(seconds) {
    const mark = [60, 120, 300].find((limit) => seconds <= limit) ?? Infinity;
    if (mark >= announced) return;
    announced = mark;
    const format = new Intl.NumberFormat(app.locale(), { style: "unit", unit: "minute", unitDisplay: "long" });
    spoken.textContent = app.t("time.spoken", { time: format.format(mark / 60) });
  }

  return { main, update, tick };
}

/** A language by its own name. @param {string} locale */
function nameOf(locale) {
  const name = new Intl.DisplayNames(locale, { type: "language" }).of(locale) ?? locale;
  return LOCALES.includes(locale) ? name.charAt(0).toLocaleUpperCase(locale) + name.slice(1) : locale;
}
