// A page of somebody else that has the iframe in it and keeps every message that it hears.

/** @typedef {import("playwright-core").BrowserContext} BrowserContext */
/** @typedef {import("playwright-core").Page} Page */

/**
 * A message as the parent heard it.
 * @typedef {object} Heard
 * @property {string} origin who sent it
 * @property {Record<string, any>} data what it says
 */

/** An origin that test mode allows; there is no server at it, the browser is handed its page. */
export const LOOPBACK_PARENT = "http://shop.localhost";
/** One that is allowed only if the workspace says so. */
export const OTHER_PARENT = "https://shop.example.com";

const LOG = `
  window.heard = [];
  addEventListener("message", (event) => {
    window.heard.push({ origin: event.origin, data: event.data });
  });
`;

export class Parent {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
  }

  /**
   * Opens a page of an origin; nothing but the iframe of `address` is on it unless `body` says otherwise.
   * @param {BrowserContext} context
   * @param {{ origin?: string, address?: string, body?: string, head?: string, headers?: Record<string, string> }} what
   */
  static async open(context, { origin = LOOPBACK_PARENT, address, body, head = "", headers = {} }) {
    const page = await context.newPage();
    const html = `<!doctype html><html lang="en"><title>A shop</title><script>${LOG}</script>${head}
      <body>${body ?? iframe(address ?? "about:blank")}</body></html>`;
    await page.route(`${origin}/**`, (route) =>
      route.fulfill({ contentType: "text/html; charset=utf-8", headers, body: html }),
    );
    await page.goto(`${origin}/`);
    return new Parent(page);
  }

  /** The iframe's content. */
  get frame() {
    return this.page.frameLocator("iframe");
  }

  /**
   * Everything that was heard so far.
   * @returns {Promise<Heard[]>}
   */
  async heard() {
    return this.page.evaluate(() => /** @type {any} */ (window).heard);
  }

  /**
   * Waits for a message of this type, with these values in its data.
   * @param {string} type
   * @param {Record<string, any>} data
   * @returns {Promise<Record<string, any>>} what it says
   */
  async hear(type, data = {}) {
    return (await this.hears(type, data)).data;
  }

  /**
   * The same, with who has sent it.
   * @param {string} type
   * @param {Record<string, any>} data
   * @returns {Promise<Heard>}
   */
  async hears(type, data) {
    const found = await this.page.waitForFunction(
      ([type, data]) => {
        const heard = /** @type {any} */ (window).heard;
        const fits = (/** @type {any} */ { data: one }) =>
          one?.type === type && Object.entries(data).every(([name, value]) => one.data?.[name] === value);
        return heard.find(fits);
      },
      /** @type {[string, Record<string, any>]} */ ([type, data]),
    );
    return found.jsonValue();
  }

  /**
   * Says something to the iframe, in whatever shape.
   * @param {unknown} message
   */
  async say(message) {
    await this.page.evaluate((message) => {
      document.querySelector("iframe")?.contentWindow?.postMessage(message, "*");
    }, message);
  }
}

/**
 * The iframe as the contract writes it.
 * @param {string} address
 */
export function iframe(address) {
  const src = address.replaceAll("&", "&amp;");
  return `<iframe src="${src}" title="Verify your identity" allow="camera; microphone"
    sandbox="allow-scripts allow-same-origin allow-forms allow-popups" style="width: 100%; height: 600px"></iframe>`;
}
