// A picture of the demo in use, for the README.

/**
 * Opens the demo, goes one step, and takes the picture.
 * @param {import("./vetd.js").Vetd} vetd
 * @param {import("playwright-core").Browser} browser
 * @param {string} path of the picture
 */
export async function pictureOfDemo(vetd, browser, path) {
  const viewport = { width: 1360, height: 860 };
  const context = await browser.newContext({ viewport, colorScheme: "light", reducedMotion: "reduce", locale: "en-GB" });
  const page = await context.newPage();
  await page.goto(`${vetd.url}/demo`);
  await page.getByLabel("Language").selectOption("en");
  await page.getByRole("button", { name: "Create a session" }).click();
  const frame = page.frameLocator("iframe");
  await frame.getByRole("button", { name: "Agree and continue" }).click();
  await page.locator("#events pre", { hasText: "in_progress" }).first().waitFor();
  await frame.locator("input").first().waitFor();
  await page.mouse.move(0, 0);
  await page.screenshot({ path, animations: "disabled" });
  await context.close();
}
