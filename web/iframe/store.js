// The one place where the page's state lives. Whoever changes it tells everyone.

/** @import { State } from "./types.js" */

/**
 * @typedef {object} Store
 * @property {() => State} get
 * @property {(patch: Partial<State>) => void} set
 * @property {(listener: (state: State) => void) => void} subscribe
 */

/**
 * @param {State} initial
 * @returns {Store}
 */
export function createStore(initial) {
  let state = initial;
  /** @type {Array<(state: State) => void>} */
  const listeners = [];
  return {
    get: () => state,
    set(patch) {
      const next = { ...state, ...patch };
      const keys = /** @type {Array<keyof State>} */ (Object.keys(patch));
      if (keys.every((key) => state[key] === next[key])) return;
      state = next;
      for (const listener of listeners) listener(state);
    },
    subscribe: (listener) => void listeners.push(listener),
  };
}
