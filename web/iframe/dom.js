// Builds elements. Text is always text: nothing in this page is parsed as HTML.

/** @typedef {Node | string | number | null | undefined | false} Child */
/**
 * `on` holds listeners; `true` sets an empty attribute, `false`, `null` and `undefined` leave it out.
 * @typedef {Record<string, unknown> & { on?: Record<string, ((event: any) => void) | undefined> }} Props
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  fill(element, props, children);
  return element;
}

/**
 * @param {string} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function svg(tag, props, ...children) {
  const element = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  fill(element, props, children);
  return element;
}

/**
 * @param {Element} element
 * @param {Props | undefined} props
 * @param {Array<Child | Child[]>} children
 */
function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === "on") continue;
    if (value !== false && value != null) element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [type, listener] of Object.entries(props?.on ?? {})) if (listener) element.addEventListener(type, listener);
  element.append(...nodes(children.flat()));
}

/** @param {Child[]} children */
function nodes(children) {
  const present = children.filter((child) => child !== null && child !== undefined && child !== false);
  return /** @type {Array<Node | string>} */ (present.map((child) => (typeof child === "number" ? String(child) : child)));
}

/**
 * @param {Element} element
 * @param {...Child} children
 */
export function replace(element, ...children) {
  element.replaceChildren(...nodes(children));
}

/**
 * @param {HTMLElement} element
 * @param {boolean} shown
 */
export function show(element, shown) {
  element.hidden = !shown;
}

let counter = 0;

/** An id that no other element of the page has. @param {string} prefix */
export function uniqueId(prefix) {
  counter += 1;
  return `${prefix}-${counter}`;
}
