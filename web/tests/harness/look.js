// What can be told of a screen by looking at it: what axe-core finds, what does not fit, what is small.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

/** @typedef {import("playwright-core").Page} Page */

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe finds wrong. @param {Page} page @returns {Promise<string[]>} */
export async function violations(page) {
  await page.evaluate(AXE);
  return page.evaluate(async (tags) => {
    const { violations } = await /** @type {any} */ (window).axe.run(document, { runOnly: tags });
    return violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes[0].html.slice(0, 120)} ${one.nodes[0].any[0]?.message ?? ""}`);
  }, TAGS);
}

/** What is wider than the window, by its markup. @param {Page} page */
export function overflowing(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const wide = [...document.querySelectorAll("main *, header *, footer *, dialog *")].filter((element) => {
      const { left, right } = element.getBoundingClientRect();
      return right - left > 1 && (right > width + 1 || left < -1) && !element.closest(".stage, .visually-hidden");
    });
    return wide.map((element) => element.outerHTML.slice(0, 80)).concat(document.documentElement.scrollWidth > width ? ["the page"] : []);
  });
}

/** What can be pressed and is smaller than 24 by 24 (WCAG 2.2, 2.5.8); links in text are exempt. @param {Page} page */
export function tooSmall(page) {
  return page.evaluate(() => {
    const targets = [...document.querySelectorAll("button, select, input, label.button, label.option, summary")];
    const small = targets.filter((element) => {
      const { width, height } = element.getBoundingClientRect();
      return width > 0 && !element.classList.contains("visually-hidden") && (width < 24 || height < 24);
    });
    return small.map((element) => element.outerHTML.slice(0, 80));
  });
}
