// A document: which one, from where, and a picture of each side.

import { h, replace, uniqueId } from "../dom.js";
import { icon } from "../icons.js";
import { button, busy, iconButton, screen } from "../layout.js";
import { fillButton } from "../test_mode.js";
import { captureScreen } from "./capture.js";
import { countries, countryName } from "./countries.js";

/** @import { App, DocumentKind, Media, MediaKind, Screen, Step } from "../types.js" */

/** @typedef {{ document: DocumentKind, country: string }} Choice */

const ICONS = /** @type {const} */ ({ passport: "passport", id_card: "card", driving_license: "car" });

/**
 * The sides that the server asks for.
 * @param {DocumentKind} document
 * @returns {MediaKind[]}
 */
function sidesOf(document) {
  return document === "passport" ? ["document_front"] : ["document_front", "document_back"];
}

/**
 * @param {App} app
 * @param {Step} step
 * @returns {Screen}
 */
export function documentScreen(app, step) {
  const element = h("div", { class: "steps" });
  /** @type {Screen & { isIdle?: () => boolean }} */
  let inner = choose();
  let choice = chosen();
  let sent = sentSides();

  /** What was chosen, as far as the step still takes it. @returns {Choice | null} */
  function chosen() {
    const { documents = [], countries: admitted = [] } = step;
    /** @type {Partial<Choice>} */
    const draft = app.draft.get("document") ?? {};
    const document = documents.length === 1 ? documents[0] : documents.find((kind) => kind === draft.document);
    const only = admitted.length === 1 && admitted[0] !== "*" ? admitted[0] : undefined;
    const country = only ?? (draft.country && (admitted.includes("*") || admitted.includes(draft.country)) ? draft.country : undefined);
    return document && country ? { document, country } : null;
  }

  function sentSides() {
    return (app.store.get().session?.media ?? []).map(({ kind }) => kind);
  }

  /** @param {Screen} next */
  function open(next) {
    inner.leave?.();
    inner = next;
    const hadFocus = element.isConnected && element.contains(document.activeElement);
    replace(element, next.element);
    if (hadFocus) /** @type {HTMLElement | null} */ (element.querySelector("h1"))?.focus();
  }

  function choose() {
    return chooseScreen(app, step, (next) => {
      app.draft.set("document", next);
      choice = next;
      go();
    });
  }

  /** To the first side that is missing, or to the look at all of them. */
  function go() {
    if (!choice) return open(choose());
    const missing = sidesOf(choice.document).find((side) => !sentSides().includes(side));
    open(missing ? side(choice, missing) : review(choice));
  }

  /**
   * @param {Choice} choice
   * @param {MediaKind} kind
   */
  function side(choice, kind) {
    return sideScreen(app, choice, kind, {
      onSent: async () => {
        const isLast = sidesOf(choice.document).every((one) => sentSides().includes(one));
        if (isLast) await submit(choice);
        else go();
      },
      onBack: (step.documents ?? []).length > 1 || (step.countries ?? []).length !== 1 || step.countries?.[0] === "*" ? () => open(choose()) : undefined,
    });
  }

  /** Where the pictures are there already: after a reload, or from the phone. @param {Choice} choice */
  function review(choice) {
    return reviewScreen(app, choice, {
      onRetake: (kind) => open(side(choice, kind)),
      onSubmit: () => submit(choice),
      onChange: () => open(choose()),
    });
  }

  /** @param {Choice} choice */
  async function submit(choice) {
    await app.session.submit("document_upload", choice);
  }

  if (choice) go();
  else replace(element, inner.element);
  return {
    element,
    leave: () => inner.leave?.(),
    update() {
      const now = sentSides();
      const isChanged = now.join() !== sent.join();
      sent = now;
      // Sent from the phone: this page goes on there, unless the person is at it here.
      if (isChanged && inner.isIdle?.() && !element.querySelector(".capture [aria-disabled]")) go();
    },
  };
}

/**
 * @param {App} app
 * @param {Step} step
 * @param {(choice: Choice) => void} onChoice
 * @returns {Screen}
 */
function chooseScreen(app, step, onChoice) {
  const { t, locale, draft } = app;
  const before = /** @type {Partial<Choice>} */ (draft.get("document") ?? {});
  const { documents = [], countries: admitted = [] } = step;
  const id = uniqueId("country");
  const error = h("p", { class: "field-error", id: uniqueId("error") });
  error.hidden = true;
  const names = countries(admitted, locale());
  const blank = names.length > 1 ? [h("option", { value: "" }, t("data.choose"))] : [];
  const options = names.map(({ code, name }) => h("option", { value: code, selected: code === before.country }, name));
  const country = h("select", { id, "aria-required": "true" }, ...blank, ...options);
  const radios = documents.map((kind, place) => {
    const input = h("input", { type: "radio", name: "document", value: kind, class: "visually-hidden" });
    input.checked = before.document ? kind === before.document : place === 0;
    return { input, element: h("label", { class: "option" }, input, icon(ICONS[kind]), h("span", {}, t(`document.${kind}`)), h("span", { class: "mark" }, icon("check"))) };
  });

  /** @param {boolean} isWrong */
  function complain(isWrong) {
    error.hidden = !isWrong;
    error.replaceChildren(...(isWrong ? [icon("alert"), t("error.required")] : []));
    country.toggleAttribute("aria-invalid", isWrong);
    if (isWrong) country.setAttribute("aria-invalid", "true");
    if (isWrong) country.setAttribute("aria-describedby", error.id);
    else country.removeAttribute("aria-describedby");
  }

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    const kind = radios.find(({ input }) => input.checked)?.input.value ?? documents[0];
    complain(country.value === "");
    if (country.value === "") return country.focus();
    onChoice({ document: /** @type {DocumentKind} */ (kind), country: country.value });
  }

  const form = h(
    "form",
    { novalidate: true, on: { submit } },
    h("div", { class: "field", on: { input: () => complain(false) } }, h("label", { for: id }, t("document.country")), country, error),
    h("fieldset", { class: "field" }, h("legend", {}, t("document.kind")), h("div", { class: "options" }, ...radios.map(({ element }) => element))),
    h("div", { class: "actions" }, button(t("app.continue"), {})),
    fillButton(app, "document_upload", (/** @type {Choice} */ given) => {
      country.value = given.country;
      for (const { input } of radios) input.checked = input.value === given.document;
      complain(false);
    }),
  );
  return { element: screen({ title: t("document.title"), lead: t("document.lead"), body: [form] }) };
}

/**
 * @param {App} app
 * @param {Choice} choice
 * @param {MediaKind} kind
 * @param {{ onSent: (media: Media) => Promise<void>, onBack: (() => void) | undefined }} on
 */
function sideScreen(app, choice, kind, { onSent, onBack }) {
  const { t } = app;
  const { document, country } = choice;
  return captureScreen(app, {
    kind,
    document,
    shape: document === "passport" ? "spread" : "card",
    title: t(`side.${document}.${kind}`),
    lead: countryName(country, app.locale()),
    question: t("capture.question_document"),
    tips: [["document", t("tip.flat")], ["alert", t("tip.light")], ["check", t("tip.whole")]],
    advise: (media) => unread(app, choice, media),
    onSent,
    ...(onBack && { onBack, backLabel: t("document.change") }),
  });
}

/**
 * What should be on the picture for a machine to read, and was not found.
 * @param {App} app
 * @param {Choice} choice
 * @param {Media} media
 */
function unread({ store }, { document, country }, media) {
  if (document === "passport") return media.mrz_found ? null : "reason.mrz";
  if (media.kind !== "document_back") return null;
  if (document === "driving_license") return media.barcode_found || !["US", "CA"].includes(country) ? null : "reason.barcode";
  const front = store.get().session?.media.find(({ kind }) => kind === "document_front");
  return media.mrz_found || front?.mrz_found ? null : "reason.mrz";
}

/**
 * @param {App} app
 * @param {Choice} choice
 * @param {{ onRetake: (kind: MediaKind) => void, onSubmit: () => Promise<void>, onChange: () => void }} on
 * @returns {Screen}
 */
function reviewScreen({ t, locale }, { document, country }, { onRetake, onSubmit, onChange }) {
  const row = (/** @type {MediaKind} */ kind) => {
    const name = t(`side.${document}.${kind}`);
    const again = iconButton("retake", `${t("capture.retake")}: ${name}`, () => onRetake(kind));
    return h("li", {}, icon("check"), h("span", {}, name, h("small", {}, t("document.received"))), again);
  };
  const go = button(t("app.continue"), { press: () => void busy(go, onSubmit) });
  return {
    element: screen({
      title: t("document.review"),
      lead: `${t(`document.${document}`)}, ${countryName(country, locale())}`,
      body: [h("ul", { class: "received" }, ...sidesOf(document).map(row))],
      actions: [go, button(t("document.change"), { look: "quiet", press: onChange })],
    }),
  };
}
