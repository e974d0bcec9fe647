// The page of the person being verified: reads the link, opens the session, and shows one screen after
// the other until it has ended.

import { createApi } from "./api.js";
import { createDraft } from "./draft.js";
import { follow } from "./follow.js";
import { createFrame } from "./frame.js";
import { choose, createTranslate, directionOf, loadLocale, supported } from "./i18n.js";
import { keepRenewed } from "./renewal.js";
import { screenFor } from "./screens.js";
import { createSessionActions, hasEnded, isChecking, timeLeft } from "./session.js";
import { createShell } from "./shell.js";
import { problemWords } from "./steps/problem.js";
import { createStore } from "./store.js";
import { setMode, setTheme } from "./theme.js";
import { keepToken, takeAccess } from "./token.js";

/** @import { App, Screen, Session, State } from "./types.js" */

const access = takeAccess();
const sessionId = access?.sessionId ?? "";
let token = access?.token ?? "";
const draft = createDraft(sessionId);
const store = createStore({
  session: null, problem: null, connection: "online", revisited: null,
  acknowledged: Number(draft.get("acknowledged") ?? 0), ignored: 0,
  locale: supported(navigator.language) ?? "en",
});
const api = createApi(() => token, (connection) => store.set({ connection }));
const session = createSessionActions(store, api);
const t = createTranslate(() => store.get().locale, () => store.get().session);
const frame = createFrame({
  sessionId,
  store,
  onConfigure({ theme, locale }) {
    setMode(theme);
    const wish = supported(locale);
    if (wish) void speak(wish, true);
  },
  onCancel: () => void session.cancel(),
  explain: (code) => t(`${code === "expired" ? "result.expired" : problemWords(code)}.title`),
});
/** @type {App} */
const app = { store, session, api, frame, t, draft, locale: () => store.get().locale };
const shell = createShell(app, /** @type {HTMLElement} */ (document.getElementById("app")), (locale) => void speak(locale, true));

/** The language that the person or the embedding page asked for, once one has. */
let isLocaleAsked = draft.get("locale") !== undefined;
/** @type {{ name: string, screen: Screen } | null} */
let shown = null;

/**
 * @param {string} locale
 * @param {boolean} isAsked
 */
async function speak(locale, isAsked) {
  if (isAsked) {
    isLocaleAsked = true;
    draft.set("locale", locale);
  }
  await loadLocale(locale);
  store.set({ locale });
}

/** @param {State} state */
function render(state) {
  shell.update(state);
  const wanted = screenFor(state);
  if (!wanted) return;
  const name = `${state.locale} ${wanted.name}`;
  if (shown?.name === name) return shown.screen.update?.(state);
  const isFirst = shown === null;
  shown?.screen.leave?.();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  const screen = wanted.build(app);
  shown = { name, screen };
  shell.main.replaceChildren(screen.element);
  document.documentElement.lang = state.locale;
  document.documentElement.dir = directionOf(state.locale);
  document.documentElement.dataset.screen = wanted.name;
  const heading = screen.element.querySelector("h1");
  document.title = `${heading?.textContent ?? ""} – ${t("app.title")}`;
  // The first screen in a frame does not take the focus from the page around it.
  if (!(isFirst && frame.isFramed)) heading?.focus({ preventScroll: isFirst });
  if (!isFirst) scrollTo(0, 0);
}

/** At the deadline the server is asked; it decides. */
function watchDeadline() {
  let isAsking = false;
  setInterval(async () => {
    shell.tick();
    const { session: current, problem } = store.get();
    const isDue = current && !problem && !hasEnded(current) && !isChecking(current) && timeLeft(current) <= 0;
    if (!isDue || isAsking) return;
    isAsking = true;
    await session.refresh();
    isAsking = false;
  }, 1000);
}

/** @param {Session} opened */
function adoptLook(opened) {
  setTheme(opened.theme);
}

async function start() {
  document.documentElement.classList.toggle("framed", frame.isFramed);
  setTheme({});
  const guess = loadLocale(store.get().locale);
  if (!access) {
    await guess;
    store.subscribe(render);
    return store.set({ problem: { code: "link_incomplete" } });
  }
  await session.start();
  const opened = store.get().session;
  if (opened) adoptLook(opened);
  const wishes = isLocaleAsked ? [String(draft.get("locale"))] : navigator.languages;
  await guess;
  await speak(isLocaleAsked ? (supported(wishes[0]) ?? "en") : choose(opened, wishes), false);
  store.subscribe(render);
  store.subscribe((state) => {
    if (state.session && hasEnded(state.session)) draft.forget();
  });
  render(store.get());
  keepRenewed(store, session, {
    get: () => token,
    set(renewed) {
      token = renewed;
      keepToken(sessionId, renewed);
    },
  });
  watchDeadline();
  await follow(store, api, session);
}

addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  store.set({ problem: { code: "internal_error" } });
});

void start();
