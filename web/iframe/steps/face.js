// The person's face: a picture of it, and liveness. Where vetd judges liveness itself, it asks for moves, one at
// a time, each answered by a picture; the next one is told once the picture before it has arrived. Else what
// the flow asks for is the person's word, and somebody of the tenant looks at the rest.

import { h, replace } from "../dom.js";
import { button, busy, screen } from "../layout.js";
import { captureScreen } from "./capture.js";

/** @import { App, Challenge, Media, MediaKind, Screen, Step } from "../types.js" */
/** @import { IconName } from "../icons.js" */

/** @type {Record<Challenge, IconName>} */
const ICONS = { look_straight: "face", turn_left: "left", turn_right: "right", look_up: "up", come_closer: "closer" };

/**
 * @param {App} app
 * @returns {Screen}
 */
export function selfieScreen(app) {
  const { t, store, session } = app;
  const isThere = store.get().session?.media.some(({ kind }) => kind === "selfie");
  if (isThere) return sentScreen(app, "selfie", t("selfie.title"));
  return captureScreen(app, {
    kind: "selfie",
    shape: "face",
    title: t("selfie.title"),
    lead: t("selfie.lead"),
    question: t("capture.question_face"),
    tips: [["face", t("tip.face_light")], ["person", t("tip.face_bare")], ["check", t("tip.face_alone")]],
    advise: () => null,
    onSent: () => session.submit("selfie", {}),
  });
}

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
    shown = isDone(app) ? sentScreen(app, "liveness", app.t("liveness.done")) : moveScreen(app, () => void sent());
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
 * Sent before a reload, or from the phone: only the word is missing.
 * @param {App} app
 * @param {"selfie" | "liveness"} type
 * @param {string} title
 * @returns {Screen}
 */
function sentScreen({ t, session }, type, title) {
  const go = button(t("app.continue"), { press: () => void busy(go, () => session.submit(type, {})) });
  return { element: screen({ icon: "check", title, lead: t("document.received"), actions: [go] }) };
}
