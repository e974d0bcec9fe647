// Liveness. Where vetd judges it itself, it asks for moves, one at a time, each answered by a picture; the
// next one is told once the picture before it has arrived. Else what the flow asks for is the person's
// word, and somebody of the tenant looks at the rest.

import { captureScreen } from "./capture.js";
import { h, replace } from "../dom.js";
import { button, busy, screen } from "../layout.js";

/** @import { App, Challenge, Media, MediaKind, Screen, Step } from "../types.js" */
/** @import { IconName } from "../icons.js" */

/** @type {Record<Challenge, IconName>} */
const ICONS = { look_straight: "face", turn_left: "left", turn_right: "right", look_up: "up", come_closer: "closer" };

/**
 * @param {App} app
 * @param {Step} step
 * @returns {Screen}
 */
export function livenessScreen(app, step) {
  return step.challenges ? movesScreen(app) : wordScreen(app);
}

/**
 * @param {App} app
 * @returns {Screen}
 */
function wordScreen({ t, session }) {
  const go = button(t("liveness.confirm"), { icon: "check", press: () => void busy(go, () => session.submit("liveness", {})) });
  return { element: screen({ icon: "face", title: t("liveness.title"), lead: t("liveness.text"), actions: [go] }) };
}

/**
 * @param {App} app
 * @returns {Screen}
 */
function movesScreen(app) {
  const element = h("div", {});
  /** @type {Screen | null} */
  let shown = null;

  function next() {
    const hadFocus = element.contains(document.activeElement);
    shown?.leave?.();
    shown = isDone(app) ? sentScreen(app) : moveScreen(app, () => void sent());
    replace(element, shown.element);
    if (hadFocus) element.querySelector("h1")?.focus();
  }

  /** The answer to one picture is the next move. */
  async function sent() {
    await app.session.refresh();
    if (isDone(app)) await app.session.submit("liveness", {});
    else next();
  }

  next();
  return { element, leave: () => shown?.leave?.() };
}

/** The step as the server last told it. @param {App} app */
function current({ store }) {
  const step = store.get().session?.steps.find(({ type }) => type === "liveness");
  return { challenges: step?.challenges ?? [], count: step?.challenge_count ?? 0 };
}

/** @param {App} app */
function isDone(app) {
  const { count } = current(app);
  const last = `liveness_${count}`;
  return app.store.get().session?.media.some(({ kind }) => kind === last) ?? false;
}

/**
 * The last move that the server has told.
 * @param {App} app
 * @param {() => void} onSent
 */
function moveScreen(app, onSent) {
  const { t } = app;
  const { challenges, count } = current(app);
  const place = Math.max(challenges.length, 1);
  const move = challenges[place - 1] ?? "look_straight";
  return captureScreen(app, {
    kind: /** @type {MediaKind} */ (`liveness_${place}`),
    shape: "face",
    title: t(`liveness.${move}`),
    lead: t("liveness.place", { place, count }),
    question: t("liveness.question"),
    tips: [[ICONS[move], t(`liveness.${move}`)], ["clock", t("liveness.minute")], ["person", t("tip.face_alone")]],
    advise: () => null,
    onSent,
  });
}

/**
 * Sent before a reload: only the word is missing.
 * @param {App} app
 * @returns {Screen}
 */
function sentScreen({ t, session }) {
  const go = button(t("app.continue"), { press: () => void busy(go, () => session.submit("liveness", {})) });
  return { element: screen({ icon: "check", title: t("liveness.done"), lead: t("document.received"), actions: [go] }) };
}
