// Which screen the state asks for.

import { hasEnded, isChecking, timeLeft } from "./session.js";
import { consentScreen } from "./steps/consent.js";
import { dataEntryScreen } from "./steps/data_entry.js";
import { documentScreen } from "./steps/document_upload.js";
import { livenessScreen } from "./steps/liveness.js";
import { problemScreen } from "./steps/problem.js";
import { resultScreen } from "./steps/result.js";
import { retryScreen } from "./steps/retry.js";
import { selfieScreen } from "./steps/selfie.js";
import { waitingScreen } from "./steps/waiting.js";

/** @import { App, Screen, State, Step, StepType } from "./types.js" */

/** @type {Record<StepType, (app: App, step: Step) => Screen>} */
const STEPS = {
  consent: consentScreen,
  data_entry: dataEntryScreen,
  document_upload: documentScreen,
  selfie: selfieScreen,
  liveness: livenessScreen,
};

/**
 * Two states with the same name are served by the same screen. `null`: nothing is known yet.
 * @param {State} state
 * @returns {{ name: string, build: (app: App) => Screen } | null}
 */
export function screenFor(state) {
  const { session, problem } = state;
  if (problem && !(session && hasEnded(session))) {
    const hasRunOut = problem.code === "session_expired" && session && timeLeft(session) <= 0;
    if (hasRunOut) return { name: "expired", build: (app) => resultScreen(app, "expired") };
    return { name: `problem ${problem.code}`, build: (app) => problemScreen(app, problem) };
  }
  if (!session || session.status === "created") return null;
  if (hasEnded(session)) {
    const status = /** @type {Parameters<typeof resultScreen>[1]} */ (session.status);
    return { name: status, build: (app) => resultScreen(app, status) };
  }
  if (isChecking(session)) return { name: `waiting ${session.attempts}`, build: waitingScreen };
  if (session.status === "requires_input" && session.last_error && session.attempts > state.acknowledged) {
    return { name: `retry ${session.attempts}`, build: retryScreen };
  }
  const step = currentStep(state);
  return step && { name: `${step.type} ${session.attempts}`, build: (app) => STEPS[step.type](app, step) };
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
