// The page of the person being verified: reads the link, opens the session, and shows one screen after
// the other until it has ended.

import { createApi } from "./api.js";
import { h } from "./dom.js";
import { createDraft } from "./draft.js";
import { follow } from "./follow.js";
import { createFrame } from "./frame.js";
import { choose, createTranslate, directionOf, loadLocale, supported } from "./i18n.js";
import { INCOMPLETE, problemWords } from "./problem.js";
import { keepRenewed } from "./renewal.js";
import { loadScreen, loadScreens, makerOf, screenFor } from "./screens.js";
import { createSessionActions, hasEnded, isChecking, timeLeft } from "./session.js";
import { createShell } from "./shell.js";
import { createStore } from "./store.js";
import { setMode, setTheme } from "./theme.js";
import { keepToken, takeAccess } from "./token.js";

/** @import { App, Screen, State } from "./types.js" */

const { sessionId, token: given } = takeAccess();
let token = given ?? "";
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

/** The session is known; and the page looks and speaks as its template wants. */
let [isSettled, isDressed] = [false, false];
/** @type {{ name: string, screen: Screen } | null} */
let shown = null;
/** No screen has been read out yet. */
let isFirst = true;

/**
 * @param {string} locale
 * @param {boolean} isAsked
 */
async function speak(locale, isAsked) {
  if (isAsked) draft.set("locale", locale);
  await loadLocale(locale);
  store.set({ locale });
}

/** @param {State} state */
function render(state) {
  shell.update(state);
  const wanted = screenFor(state);
  if (!wanted) return;
  if (state.session && !isDressed) return void settle();
  const make = makerOf(wanted);
  const name = make ? `${state.locale} ${wanted.name}` : `loading ${wanted.kind}`;
  if (shown?.name === name) return shown.screen.update?.(state);
  shown?.screen.leave?.();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  const screen = make ? make(app, wanted.about) : { element: h("div", { class: "spinner", role: "status", "aria-label": "…" }) };
  shown = { name, screen };
  shell.main.replaceChildren(screen.element);
  document.documentElement.lang = state.locale;
  document.documentElement.dir = directionOf(state.locale);
  document.documentElement.dataset.screen = wanted.name;
  present(screen.element.querySelector("h1"));
  if (make) loadScreens();
  else void arrive(wanted.kind);
}

/** @param {HTMLElement | null} heading Of a new screen. */
function present(heading) {
  if (!heading) return;
  document.title = `${heading.textContent} – ${t("app.title")}`;
  // The first screen in a frame does not take the focus from the page around it.
  if (!(isFirst && frame.isFramed)) heading.focus({ preventScroll: isFirst });
  if (!isFirst) scrollTo(0, 0);
  isFirst = false;
}

/** Shows the screen that is wanted once its files are here. @param {import("./screens.js").Kind} kind */
async function arrive(kind) {
  await loadScreen(kind);
  const wanted = screenFor(store.get());
  if (wanted?.kind !== kind) return;
  if (makerOf(wanted)) render(store.get());
  else store.set({ problem: { code: INCOMPLETE } });
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

/** The template's look and languages, once the session is known. */
async function settle() {
  const opened = store.get().session;
  if (!opened || isSettled) return;
  isSettled = true;
  setTheme(opened.theme);
  const asked = supported(draft.get("locale"));
  await speak(asked ?? choose(opened, navigator.languages), asked !== undefined);
  isDressed = true;
  render(store.get());
}

async function start() {
  document.documentElement.classList.toggle("framed", frame.isFramed);
  setTheme({});
  // The files of a screen need not wait for the words.
  store.subscribe((state) => {
    const wanted = screenFor(state);
    if (wanted) void loadScreen(wanted.kind);
  });
  const opening = token ? session.start() : store.set({ problem: { code: "link_incomplete" } });
  await loadLocale(store.get().locale);
  store.subscribe(render);
  frame.begin();
  render(store.get());
  await opening;
  if (!token) return;
  const forget = (/** @type {State} */ state) => state.session && hasEnded(state.session) && draft.forget();
  store.subscribe(forget);
  forget(store.get());
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

// The device itself may know; every answer tells, too.
addEventListener("offline", () => store.set({ connection: "offline" }));
addEventListener("online", () => store.set({ connection: "online" }));
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  store.set({ problem: { code: "internal_error" } });
});

void start();
