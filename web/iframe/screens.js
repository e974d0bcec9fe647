// Which screen the state asks for. The one that most people see first comes with the page; the files of the
// others, in steps/, follow while they look at it.

import { consentScreen } from "./consent.js";
import { INCOMPLETE, problemScreen } from "./problem.js";
import { hasEnded, isChecking, timeLeft } from "./session.js";

/** @import { App, Screen, State, Step, StepType } from "./types.js" */

/** @typedef {StepType | "problem" | "waiting" | "retry" | "result"} Kind */
/** @typedef {(app: App, about: any) => Screen} Make */
/**
 * @typedef {object} Wanted
 * @property {string} name Two states with the same name are served by the same screen.
 * @property {Kind} kind
 * @property {unknown} [about] What the screen is about beside the session: a step, a problem, a status.
 */

/** @type {Partial<Record<Kind, Make>>} */
const makers = { consent: consentScreen, problem: problemScreen };
/** @type {Partial<Record<Kind, () => Promise<Make>>>} */
const LATER = {
  data_entry: async () => (await import("./steps/data_entry.js")).dataEntryScreen,
  document_upload: async () => (await import("./steps/document_upload.js")).documentScreen,
  selfie: async () => (await import("./steps/face.js")).selfieScreen,
  liveness: async () => (await import("./steps/face.js")).livenessScreen,
  waiting: async () => (await import("./steps/outcome.js")).waitingScreen,
  retry: async () => (await import("./steps/outcome.js")).retryScreen,
  result: async () => (await import("./steps/outcome.js")).resultScreen,
};
/** @type {Partial<Record<Kind, Promise<void>>>} */
const loading = {};

/**
 * Ends once the files of a kind of screen are here, or cannot be had: then they are missing for good, since
 * browsers remember the failure.
 * @param {Kind} kind
 */
export function loadScreen(kind) {
  return (loading[kind] ??= load(kind).catch(() => {}));
}

/** @param {Kind} kind */
async function load(kind) {
  const make = await LATER[kind]?.();
  if (make) makers[kind] = make;
}

export function loadScreens() {
  for (const kind of Object.keys(LATER)) void loadScreen(/** @type {Kind} */ (kind));
}

/** How a screen is made; `undefined` while its files are not here. @param {Wanted} wanted */
export function makerOf({ kind }) {
  return makers[kind];
}

/**
 * `null`: nothing is known yet.
 * @param {State} state
 * @returns {Wanted | null}
 */
export function screenFor(state) {
  const { session, problem } = state;
  if (problem && (problem.code === INCOMPLETE || !(session && hasEnded(session)))) {
    const hasRunOut = problem.code === "session_expired" && session && timeLeft(session) <= 0;
    if (hasRunOut) return { name: "expired", kind: "result", about: "expired" };
    return { name: `problem ${problem.code}`, kind: "problem", about: problem };
  }
  if (!session || session.status === "created") return null;
  if (hasEnded(session)) return { name: session.status, kind: "result", about: session.status };
  if (isChecking(session)) return { name: `waiting ${session.attempts}`, kind: "waiting" };
  if (session.status === "requires_input" && session.last_error && session.attempts > state.acknowledged) {
    return { name: `retry ${session.attempts}`, kind: "retry" };
  }
  const step = currentStep(state);
  return step && { name: `${step.type} ${session.attempts}`, kind: step.type, about: step };
}

/** The step on show: the next one, or an accepted one that the person went back to. @param {State} state */
export function currentStep({ session, revisited }) {
  const accepted = session?.steps.find((step) => step.type === revisited && step.state === "accepted");
  return accepted ?? session?.steps.find((step) => step.type === session.next_step) ?? null;
}

/**
 * The step that "Back" leads to. What was agreed to is not asked again.
 * @param {State} state
 * @returns {StepType | null}
 */
export function stepBefore(state) {
  const steps = state.session?.steps ?? [];
  const place = steps.indexOf(/** @type {Step} */ (currentStep(state)));
  const before = steps.slice(0, Math.max(place, 0)).findLast((step) => step.state === "accepted" && step.type !== "consent");
  return before?.type ?? null;
}
