// The demo: creates a session, embeds it and shows what the embedding page hears.

import { mountVerification } from "../embed.js";

/** @typedef {import("../embed/embed.d.ts").Verification} Verification */
/** @typedef {import("../embed/embed.d.ts").VerificationEvent} VerificationEvent */

const form = one("#form", HTMLFormElement);
const [container, events, problem, next] = [
  one("#container", HTMLElement),
  one("#events", HTMLElement),
  one("#problem", HTMLElement),
  one("#next", HTMLElement),
];
const [cancel, unmount] = [one("#cancel", HTMLButtonElement), one("#unmount", HTMLButtonElement)];

/** @type {Verification | null} */
let mounted = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  problem.hidden = true;
  begin(new FormData(form)).catch((error) => {
    problem.hidden = false;
    problem.textContent = error instanceof Error ? error.message : String(error);
  });
});
form.addEventListener("change", () => {
  const { theme, locale } = look(new FormData(form));
  mounted?.configure({ ...(theme && { theme }), ...(locale && { locale }) });
});
cancel.addEventListener("click", () => mounted?.cancel());
unmount.addEventListener("click", end);

/** @param {FormData} chosen */
async function begin(chosen) {
  const session = await create(chosen);
  end();
  events.replaceChildren();
  container.replaceChildren();
  mounted = mountVerification({
    container,
    sessionId: session.id,
    token: session.sdk_token,
    title: "Verify your identity",
    ...look(chosen),
    onEvent: show,
  });
  cancel.disabled = unmount.disabled = false;
  tellNext(session.verification_id);
}

/**
 * What the shop's backend does, with its API key, in `POST /v1/sessions`; the demo has neither.
 * @param {FormData} chosen
 */
async function create(chosen) {
  const body = { flow: chosen.get("flow"), outcome: chosen.get("outcome") || null };
  const answer = await fetch(new URL("sessions", import.meta.url), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const made = await answer.json();
  if (!answer.ok) throw new Error(made.error.message);
  return made;
}

/**
 * How the page is to look, as far as it was chosen.
 * @param {FormData} chosen
 * @returns {{ theme?: "light" | "dark", locale?: string }}
 */
function look(chosen) {
  const [theme, locale] = [chosen.get("theme"), String(chosen.get("locale") ?? "")];
  return { ...((theme === "light" || theme === "dark") && { theme }), ...(locale && { locale }) };
}

function end() {
  mounted?.unmount();
  mounted = null;
  cancel.disabled = unmount.disabled = true;
}

/** @param {VerificationEvent} event */
function show(event) {
  const item = document.createElement("li");
  const type = document.createElement("strong");
  type.textContent = event.type;
  const time = document.createElement("time");
  time.dateTime = event.emitted_at;
  time.textContent = new Date(event.emitted_at).toLocaleTimeString();
  const data = document.createElement("pre");
  data.textContent = JSON.stringify(event.data);
  item.append(type, time, data);
  events.prepend(item);
}

/** @param {string} verification */
function tellNext(verification) {
  const command = document.createElement("code");
  const address = new URL(`../v1/verifications/${verification}`, import.meta.url);
  command.textContent = `curl ${address} -H "Authorization: Bearer $KEY"`;
  next.replaceChildren("The shop’s backend reads the result with its key:", command);
  next.hidden = false;
}

/**
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {T}
 */
function one(selector, kind) {
  const found = document.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page lacks ${selector}`);
  return found;
}
