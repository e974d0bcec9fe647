// Puts vetd's page for one session into a page of yours. Load it from the vetd that serves the session:
//
//   import { mountVerification } from "https://verify.example.com/embed.js";

/** @typedef {import("./embed.d.ts").VerificationOptions} VerificationOptions */
/** @typedef {import("./embed.d.ts").VerificationEvent} VerificationEvent */
/** @typedef {import("./embed.d.ts").Verification} Verification */
/** @typedef {{ theme?: "light" | "dark", locale?: string }} Configuration */

const VERSION = 1;
/** How long the page may take to say anything, in milliseconds. */
const PATIENCE = 20_000;
/** The tallest that the page may ask to be, in CSS pixels. */
const MOST_HEIGHT = 10_000;

/**
 * Mounts the page and listens to it; see embed.d.ts.
 * @param {VerificationOptions} options
 * @returns {Verification}
 */
export function mountVerification(options) {
  const { sessionId, token, title = "Identity verification", onEvent = () => {} } = options;
  if (!sessionId || !token) {
    throw new TypeError("mountVerification needs sessionId and token, as POST /v1/sessions has answered them");
  }
  const container = elementOf(options.container);
  // Beside this script, wherever vetd is.
  const address = new URL("iframe", import.meta.url);
  address.search = new URLSearchParams({ session_id: sessionId, token }).toString();
  const iframe = frameOf(address, title);

  /** @type {Configuration} */
  const wanted = settings(options);
  /** @type {boolean | undefined} Known once the page has spoken. */
  let livemode;
  let isReady = false;
  let wantsCancel = false;

  /**
   * @param {"kyc.configure" | "kyc.cancel"} type
   * @param {Configuration} data
   */
  const say = (type, data = {}) => {
    const message = envelope(type, sessionId, livemode, data);
    iframe.contentWindow?.postMessage(message, address.origin);
  };
  const configure = () => {
    if (wanted.theme !== undefined || wanted.locale !== undefined) say("kyc.configure", wanted);
  };

  /** @param {MessageEvent<unknown>} event */
  const hear = (event) => {
    if (event.source !== iframe.contentWindow || event.origin !== address.origin) return;
    const message = event.data;
    if (!isMessage(message, sessionId)) return;
    clearTimeout(timer);
    livemode = message.livemode;
    if (message.type === "kyc.ready") {
      isReady = true;
      configure();
      if (wantsCancel) say("kyc.cancel");
    } else if (message.type === "kyc.resize") {
      resize(iframe, message.data.height);
    }
    onEvent(message);
  };

  const timer = setTimeout(() => {
    const data = {
      code: "page_unreachable",
      message:
        "The verification page does not answer. It may be out of reach, or the origin of this page is not among " +
        "the workspace's allowed_origins.",
    };
    onEvent(/** @type {VerificationEvent} */ (envelope("kyc.error", sessionId, livemode, data)));
  }, PATIENCE);
  addEventListener("message", hear);
  container.append(iframe);

  return {
    iframe,
    cancel() {
      wantsCancel = true;
      if (isReady) say("kyc.cancel");
    },
    configure(changes) {
      Object.assign(wanted, settings(changes));
      if (isReady) configure();
    },
    unmount() {
      clearTimeout(timer);
      removeEventListener("message", hear);
      iframe.remove();
    },
  };
}

/**
 * @param {VerificationOptions["container"]} container
 * @returns {Element}
 */
function elementOf(container) {
  const found = typeof container === "string" ? document.querySelector(container) : container;
  if (found instanceof Element) return found;
  throw new TypeError(`mountVerification finds no container: ${container}`);
}

/**
 * @param {URL} address
 * @param {string} title
 */
function frameOf(address, title) {
  const iframe = document.createElement("iframe");
  iframe.title = title;
  iframe.allow = "camera; microphone";
  iframe.setAttribute("sandbox", "allow-scripts allow-same-origin allow-forms allow-popups");
  // Whatever this page tells others of itself: vetd's page must know whom it answers.
  iframe.referrerPolicy = "origin";
  Object.assign(iframe.style, { display: "block", width: "100%", height: "640px", border: "0" });
  iframe.src = address.href;
  return iframe;
}

/**
 * What there is to configure, without the rest.
 * @param {Configuration} options
 * @returns {Configuration}
 */
function settings({ theme, locale }) {
  return { ...(theme !== undefined && { theme }), ...(locale !== undefined && { locale }) };
}

/**
 * @param {string} type
 * @param {string} session_id
 * @param {boolean | undefined} livemode
 * @param {object} data
 */
function envelope(type, session_id, livemode, data) {
  return { type, version: VERSION, session_id, livemode, emitted_at: new Date().toISOString(), data };
}

/**
 * Whether this is a message of the session's page.
 * @param {any} message
 * @param {string} sessionId
 * @returns {message is VerificationEvent}
 */
function isMessage(message, sessionId) {
  return (
    typeof message === "object" &&
    message !== null &&
    typeof message.type === "string" &&
    message.type.startsWith("kyc.") &&
    message.version === VERSION &&
    message.session_id === sessionId &&
    typeof message.data === "object" &&
    message.data !== null
  );
}

/**
 * @param {HTMLIFrameElement} iframe
 * @param {unknown} height
 */
function resize(iframe, height) {
  if (typeof height === "number" && height > 0 && height <= MOST_HEIGHT) iframe.style.height = `${Math.ceil(height)}px`;
}
