// What screens are made of: the same heading, buttons and notices everywhere.

import { h, uniqueId } from "./dom.js";
import { icon } from "./icons.js";

/** @import { Child } from "./dom.js" */
/** @import { IconName } from "./icons.js" */

/**
 * A screen: a heading that takes the focus, what it is about, and what can be done.
 * @param {object} parts
 * @param {IconName} [parts.icon]
 * @param {"good" | "bad" | "wait"} [parts.tone]
 * @param {string} parts.title
 * @param {Child} [parts.lead]
 * @param {Array<Child>} [parts.body]
 * @param {Array<Child>} [parts.actions]
 */
export function screen({ icon: name, tone, title, lead, body = [], actions = [] }) {
  return h(
    "section",
    { class: tone ? "screen outcome" : "screen" },
    name && h("div", { class: tone ? `badge ${tone}` : "badge" }, icon(name)),
    h("h1", { tabindex: "-1" }, title),
    lead && h("p", { class: "lead" }, lead),
    ...body,
    actions.length > 0 && h("div", { class: "actions" }, ...actions),
  );
}

/**
 * @param {string} text
 * @param {object} options
 * @param {"primary" | "secondary" | "quiet" | "danger"} [options.look]
 * @param {IconName} [options.icon]
 * @param {(event: Event) => void} [options.press] None for a button that submits its form.
 */
export function button(text, { look = "primary", icon: name, press }) {
  const type = press ? "button" : "submit";
  return h("button", { type, class: `button ${look}`, on: { click: press } }, name && icon(name), h("span", {}, text));
}

/**
 * A button that is its icon alone; `label` says in words what it does.
 * @param {IconName} name
 * @param {string} label
 * @param {() => void} press
 */
export function iconButton(name, label, press) {
  return h("button", { type: "button", class: `icon-button ${name}`, "aria-label": label, title: label, on: { click: press } }, icon(name));
}

/**
 * @param {"info" | "warn" | "bad"} tone
 * @param {IconName} name
 * @param {Array<Child>} children
 */
export function notice(tone, name, children) {
  return h("div", { class: `notice ${tone}` }, icon(name), h("div", {}, ...children));
}

/** @param {Array<[IconName, string]>} items */
export function tips(items) {
  return h("ul", { class: "tips" }, ...items.map(([name, text]) => h("li", {}, icon(name), h("span", {}, text))));
}

/**
 * A button that shows that its work is under way, and does not start it twice.
 * @param {HTMLButtonElement} element
 * @param {() => Promise<unknown>} work
 */
export async function busy(element, work) {
  if (element.getAttribute("aria-disabled") === "true") return;
  element.setAttribute("aria-disabled", "true");
  element.classList.add("busy");
  try {
    await work();
  } finally {
    element.removeAttribute("aria-disabled");
    element.classList.remove("busy");
  }
}

/**
 * A window over the page, which ends where it began.
 * @param {string} title
 * @param {string} closeLabel
 * @param {(close: () => void) => Array<Child>} content
 */
export function openDialog(title, closeLabel, content) {
  const id = uniqueId("dialog");
  const close = () => dialog.close();
  const dialog = h(
    "dialog",
    { "aria-labelledby": id, on: { close: () => dialog.remove() } },
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id }, title),
      iconButton("close", closeLabel, close),
    ),
    ...content(close),
  );
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
