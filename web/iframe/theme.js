// How the page looks: light or dark, and what the template's `theme` may change of it. Values are
// checked before they are used, and the accent is moved until what is written in it can be read.

/** @typedef {[number, number, number]} Rgb */

/** The grounds of style.css on which the accent is hardest to read. */
const BACKGROUNDS = { light: /** @type {Rgb} */ ([233, 237, 240]), dark: /** @type {Rgb} */ ([44, 50, 57]) };
const RADII = { none: "0", small: "6px", medium: "12px", large: "20px" };
const FONTS = { sans: "", serif: "ui-serif, Georgia, serif", rounded: "ui-rounded, system-ui, sans-serif" };
/** WCAG 2.2, success criterion 1.4.3. */
const READABLE = 4.5;

const dark = matchMedia("(prefers-color-scheme: dark)");
/** @type {Record<string, unknown>} */
let theme = {};
/** @type {unknown} */
let asked = null;

dark.addEventListener("change", apply);

/** The template's `theme`: `accent`, `accent_dark`, `radius`, `font`, `mode`. @param {Record<string, unknown>} value */
export function setTheme(value) {
  theme = value;
  apply();
}

/** The embedding page's wish goes before the template's. @param {unknown} mode */
export function setMode(mode) {
  if (mode !== "light" && mode !== "dark") return;
  asked = mode;
  apply();
}

function apply() {
  const wish = asked ?? theme.mode;
  const mode = wish === "light" || wish === "dark" ? wish : dark.matches ? "dark" : "light";
  const { style, dataset } = document.documentElement;
  dataset.theme = mode;
  put(style, "--radius", pick(RADII, theme.radius));
  put(style, "--font", pick(FONTS, theme.font));
  const accent = parseColour(mode === "dark" ? (theme.accent_dark ?? theme.accent) : theme.accent);
  const shades = accent && shadesOf(accent, BACKGROUNDS[mode]);
  for (const name of /** @type {const} */ (["--accent", "--on-accent", "--accent-text"])) put(style, name, shades?.[name]);
}

/**
 * @param {CSSStyleDeclaration} style
 * @param {string} name
 * @param {string | undefined | null} value
 */
function put(style, name, value) {
  if (value) style.setProperty(name, value);
  else style.removeProperty(name);
}

/**
 * @param {Record<string, string>} choices
 * @param {unknown} name
 */
function pick(choices, name) {
  return typeof name === "string" && Object.hasOwn(choices, name) ? choices[name] : undefined;
}

/**
 * The accent as it is, what is written on it, and what is written in it on the page's background.
 * @param {Rgb} accent
 * @param {Rgb} background
 */
export function shadesOf(accent, background) {
  const [black, white] = /** @type {[Rgb, Rgb]} */ ([[0, 0, 0], [255, 255, 255]]);
  const onAccent = contrast(accent, white) >= READABLE ? white : black;
  const away = luminance(background) > 0.5 ? black : white;
  let text = accent;
  for (let share = 0; contrast(text, background) < READABLE && share <= 1; share += 0.05) text = mix(accent, away, share);
  return { "--accent": css(accent), "--on-accent": css(onAccent), "--accent-text": css(text) };
}

/** `#rgb` or `#rrggbb`. @param {unknown} text @returns {Rgb | null} */
export function parseColour(text) {
  const digits = typeof text === "string" ? /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text)?.[1] : undefined;
  if (!digits) return null;
  const long = digits.length === 3 ? [...digits].map((digit) => digit + digit).join("") : digits;
  return [parseInt(long.slice(0, 2), 16), parseInt(long.slice(2, 4), 16), parseInt(long.slice(4), 16)];
}

/** WCAG 2.2's relative luminance, 0 to 1. @param {Rgb} colour */
function luminance(colour) {
  const [red, green, blue] = /** @type {Rgb} */ (
    colour.map((value) => (value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4))
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** WCAG 2.2's contrast ratio, 1 to 21. @param {Rgb} a @param {Rgb} b */
export function contrast(a, b) {
  const [light, dim] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (/** @type {number} */ (light) + 0.05) / (/** @type {number} */ (dim) + 0.05);
}

/** @param {Rgb} a @param {Rgb} b @param {number} share @returns {Rgb} */
function mix(a, b, share) {
  return /** @type {Rgb} */ (a.map((value, place) => Math.round(value + (/** @type {number} */ (b[place]) - value) * share)));
}

/** @param {Rgb} colour */
function css(colour) {
  return `rgb(${colour.join(" ")})`;
}
