// Data entry: typed fields. What is wrong is said once the person has left a field, and taken back as
// soon as it is mended.

import { ApiError } from "../api.js";
import { h, uniqueId } from "../dom.js";
import { icon } from "../icons.js";
import { button, busy, screen } from "../layout.js";
import { fillButton } from "../test_mode.js";
import { countries } from "./countries.js";
import { AUTOCOMPLETE, LONGEST, dateOf, dateOrder, humanised, months, wrong } from "./fields.js";

/** @import { App, Field, Screen, Step } from "../types.js" */

/**
 * @typedef {object} Control
 * @property {Field} field
 * @property {HTMLElement} element
 * @property {() => string} value
 * @property {(value: string) => void} fill
 * @property {(key: string | null) => void} complain
 * @property {() => void} focus
 */

/**
 * @param {App} app
 * @param {Step} step
 * @returns {Screen}
 */
export function dataEntryScreen(app, step) {
  const { t, store } = app;
  const steps = store.get().session?.steps ?? [];
  const controls = (step.fields ?? []).map((field) => control(app, field));
  const isLast = steps.at(-1)?.type === step.type;
  const next = button(t(isLast ? "app.submit" : "app.continue"), {});
  const form = h(
    "form",
    { novalidate: true, on: { submit: (/** @type {Event} */ event) => void submit(event) } },
    ...controls.map(({ element }) => element),
    h("div", { class: "actions" }, next),
    fillButton(app, "data_entry", ({ fields }) => controls.forEach(({ field, fill }) => fill(fields[field.name] ?? ""))),
  );

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    const bad = controls.filter((one) => {
      const key = wrong(one.field, one.value(), new Date());
      one.complain(key);
      return key !== null;
    });
    if (bad[0]) return bad[0].focus();
    const fields = Object.fromEntries(controls.map((one) => [one.field.name, one.value()]).filter(([, value]) => value !== ""));
    await busy(next, () => app.session.submit("data_entry", { fields }).catch(complainAll));
  }

  /** The server sees more than the page does. @param {unknown} error */
  function complainAll(error) {
    if (!(error instanceof ApiError)) throw error;
    const bad = controls.filter(({ field }) => error.fields.some(({ path }) => path === `fields.${field.name}`));
    bad.forEach((one) => one.complain("error.invalid"));
    if (bad[0]) bad[0].focus();
    else app.session.fail(error);
  }

  const hasDocument = steps.some(({ type }) => type === "document_upload");
  return { element: screen({ title: t("data.title"), lead: t(hasDocument ? "data.lead_document" : "data.lead"), body: [form] }) };
}

/**
 * @param {App} app
 * @param {Field} field
 * @returns {Control}
 */
function control(app, field) {
  const { t, draft } = app;
  const label = t(`field.${field.name}`) || humanised(field.name);
  const optional = field.required ? null : h("span", { class: "optional" }, ` (${t("data.optional")})`);
  const errorId = uniqueId("error");
  const error = h("p", { class: "field-error", id: errorId });
  error.hidden = true;
  let isTouched = false;
  const parts = field.type === "date" ? dateParts(app, field) : singlePart(app, field);
  const [first] = parts.inputs;

  /** @param {string | null} key */
  function complain(key) {
    isTouched = isTouched || key !== null;
    error.replaceChildren(...(key ? [icon("alert"), t(key)] : []));
    error.hidden = key === null;
    for (const input of parts.inputs) {
      if (key) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
      if (key) input.setAttribute("aria-describedby", errorId);
      else input.removeAttribute("aria-describedby");
    }
  }

  function changed() {
    draft.set(`field.${field.name}`, parts.value());
    if (isTouched) complain(wrong(field, parts.value(), new Date()));
  }

  /** Left empty on the way through is no mistake yet. @param {FocusEvent} event */
  function left(event) {
    const stays = event.relatedTarget instanceof Node && element.contains(event.relatedTarget);
    if (!stays && parts.value() !== "") complain(wrong(field, parts.value(), new Date()));
  }

  const isGroup = field.type === "date";
  const name = isGroup ? h("legend", {}, label, optional) : h("label", { for: first?.id }, label, optional);
  const element = h(isGroup ? "fieldset" : "div", { class: "field", on: { input: changed, focusout: left } }, name, parts.element, error);
  parts.fill(String(draft.get(`field.${field.name}`) ?? ""));
  return {
    field,
    element,
    value: parts.value,
    fill(value) {
      parts.fill(value);
      changed();
    },
    complain,
    focus: () => (parts.inputs.find((input) => input.value === "") ?? first)?.focus(),
  };
}

/**
 * @param {App} app
 * @param {Field} field
 */
function singlePart({ t, locale }, field) {
  const id = uniqueId("field");
  const autocomplete = AUTOCOMPLETE[field.name] ?? "off";
  const attributes = { id, name: field.name, autocomplete, "aria-required": field.required ? "true" : undefined };
  const kinds = /** @type {Record<string, string>} */ ({ email: "email", phone: "tel" });
  const input =
    field.type === "country"
      ? h("select", attributes, h("option", { value: "" }, t("data.choose")), ...countries(["*"], locale()).map(({ code, name }) => h("option", { value: code }, name)))
      : h("input", { ...attributes, type: kinds[field.name] ?? "text", maxlength: LONGEST, spellcheck: "false", dir: "auto" });
  return {
    inputs: [input],
    element: input,
    value: () => input.value.trim(),
    fill: (/** @type {string} */ value) => void (input.value = value),
  };
}

/**
 * Three parts in the order that the person is used to.
 * @param {App} app
 * @param {Field} field
 */
function dateParts({ t, locale }, field) {
  const part = (/** @type {string} */ name) => {
    const isBirth = field.name === "date_of_birth";
    const autocomplete = isBirth ? `bday-${name}` : "off";
    return { id: uniqueId(name), name: `${field.name}_${name}`, autocomplete, "aria-required": field.required ? "true" : undefined };
  };
  const digits = { type: "text", inputmode: "numeric" };
  const day = h("input", { ...part("day"), ...digits, maxlength: 2 });
  const year = h("input", { ...part("year"), ...digits, maxlength: 4 });
  const names = months(locale()).map((name, place) => h("option", { value: place + 1 }, name));
  const month = h("select", part("month"), h("option", { value: "" }, "–"), ...names);
  const all = { day, month, year };
  const parts = () => ({ day: day.value, month: month.value, year: year.value });
  const labelled = dateOrder(locale()).map((name) => h("div", { class: `part ${name}` }, h("label", { for: all[name].id }, t(`data.${name}`)), all[name]));
  return {
    inputs: [day, month, year],
    element: h("div", { class: "parts" }, ...labelled),
    value: () => dateOf(parts()),
    fill(/** @type {string} */ value) {
      const [y = "", m = "", d = ""] = value.split("-");
      [year.value, month.value, day.value] = [y, m === "" ? "" : String(Number(m)), d === "" ? "" : String(Number(d))];
    },
  };
}
