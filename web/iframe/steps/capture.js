// One picture, from the first word about it to the server's answer: camera or file, a look at it, sent,
// and what the server advises.

import { ApiError } from "../api.js";
import { h, replace } from "../dom.js";
import { canHandOff, handOff } from "./handoff.js";
import { icon } from "../icons.js";
import { button, busy, notice, tips } from "../layout.js";
import { FileError, pictureFrom, turned } from "./picture.js";
import { specimenButtons } from "../test_mode.js";
import { upload } from "./upload.js";
import { viewfinder } from "./viewfinder.js";

/** @import { App, DocumentKind, Media, MediaKind, Screen } from "../types.js" */
/** @import { IconName } from "../icons.js" */
/** @import { CameraFailure } from "./camera.js" */

/**
 * @typedef {object} Task
 * @property {MediaKind} kind
 * @property {DocumentKind} [document]
 * @property {"card" | "spread" | "face"} shape
 * @property {string} title
 * @property {string} lead
 * @property {string} question What to look for before it is sent.
 * @property {Array<[IconName, string]>} tips
 * @property {(media: Media) => string | null} advise The key of an advice beyond the server's.
 * @property {(media: Media) => Promise<unknown> | void} onSent
 * @property {() => void} [onBack]
 * @property {string} [backLabel]
 */

/**
 * @param {App} app
 * @param {Task} task
 * @returns {Screen & { isIdle: () => boolean }}
 */
export function captureScreen(app, task) {
  const { t } = app;
  const heading = h("h1", { tabindex: "-1" }, task.title);
  const lead = h("p", { class: "lead" });
  const content = h("div", { class: "capture" });
  const element = h("section", { class: "screen" }, heading, lead, content);
  const sending = new AbortController();
  let leaveView = () => {};
  let isIdle = true;

  /**
   * @param {string} title
   * @param {string} text
   * @param {Array<import("../dom.js").Child>} children
   */
  function view(title, text, children) {
    leaveView();
    leaveView = () => {};
    const hadFocus = element.isConnected;
    heading.textContent = title;
    lead.textContent = text;
    replace(content, ...children);
    if (hadFocus) heading.focus();
  }

  /** @param {import("../dom.js").Child} [trouble] */
  function intro(trouble) {
    isIdle = true;
    view(task.title, task.lead, [
      trouble,
      tips(task.tips),
      h(
        "div",
        { class: "actions" },
        button(t("capture.camera"), { icon: "camera", press: live }),
        fileButton(t("capture.file"), take),
        canHandOff() && button(t("capture.phone"), { look: "secondary", icon: "phone", press: (event) => void handOff(app, event) }),
        task.onBack && button(task.backLabel ?? t("app.back"), { look: "quiet", press: task.onBack }),
      ),
      h("p", { class: "fine" }, t("capture.file_hint")),
      specimenButtons(app, task.kind, task.document, preview),
    ]);
  }

  function live() {
    isIdle = false;
    view(task.title, task.lead, []);
    const finder = viewfinder(app, { shape: task.shape, onPicture: preview, onFailure: failed, onClose: () => intro() });
    replace(content, finder.element, h("div", { class: "actions" }, fileButton(t("capture.file"), take)));
    leaveView = finder.close;
  }

  /** @param {CameraFailure} code */
  function failed(code) {
    app.frame.error(code, t(`camera.${code}.title`));
    intro(notice("warn", "alert", [h("strong", {}, t(`camera.${code}.title`)), h("p", {}, t(`camera.${code}.text`)), h("p", {}, t("camera.way_round"))]));
  }

  /** @param {File} file */
  async function take(file) {
    try {
      preview(await pictureFrom(file));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      intro(notice("bad", "alert", [h("p", {}, t(`file.${error.code}`))]));
    }
  }

  /** @param {Blob} picture */
  function preview(picture) {
    isIdle = false;
    const address = URL.createObjectURL(picture);
    const use = button(t("capture.use"), { icon: "check", press: () => void send(picture) });
    const turn = button(t("capture.rotate"), {
      look: "secondary",
      icon: "rotate",
      press: () => void busy(turn, async () => preview(await turned(picture))),
    });
    view(task.question, "", [
      h("img", { class: "preview", src: address, alt: t("capture.alt") }),
      h("div", { class: "actions" }, use, h("div", { class: "pair" }, turn, button(t("capture.retake"), { look: "secondary", icon: "retake", press: () => intro() }))),
    ]);
    leaveView = () => URL.revokeObjectURL(address);
  }

  /** @param {Blob} picture */
  async function send(picture) {
    const percent = h("span", {}, "");
    const bar = h("progress", { max: 100, value: 0, "aria-label": t("capture.sending") });
    view(t("capture.sending"), "", [h("div", { class: "sending" }, bar, percent)]);
    const progress = (/** @type {number} */ share) => {
      bar.value = Math.round(share * 100);
      percent.textContent = new Intl.NumberFormat(app.locale(), { style: "percent" }).format(share);
    };
    try {
      const media = await upload(app.api, task.kind, picture, {
        progress, signal: sending.signal, report: (connection) => app.store.set({ connection }),
      });
      remember(media);
      const advice = media.advice ? `reason.${media.advice.code}` : task.advise(media);
      if (advice) advised(media, advice);
      else await done(media);
    } catch (error) {
      if (sending.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      refused(error);
    }
  }

  /** The server knows of the picture; the page does before the next snapshot. @param {Media} media */
  function remember(media) {
    const { session } = app.store.get();
    if (!session) return;
    const others = session.media.filter(({ kind }) => kind !== media.kind);
    app.store.set({ session: { ...session, media: [...others, media] } });
  }

  /** @param {ApiError} error */
  function refused(error) {
    if (["session_expired", "invalid_state"].includes(error.code)) return void app.session.refresh().then(() => intro());
    if (["unsupported_media_type", "payload_too_large", "validation_error"].includes(error.code)) {
      const code = error.code === "payload_too_large" ? "too_large" : "unreadable";
      return intro(notice("bad", "alert", [h("p", {}, t(`file.${code}`))]));
    }
    app.session.fail(error);
  }

  /**
   * @param {Media} media
   * @param {string} advice
   */
  function advised(media, advice) {
    const anyway = button(t("capture.use_anyway"), { look: "quiet", press: () => void busy(anyway, async () => done(media)) });
    view(t("capture.better"), "", [
      notice("warn", "alert", [h("p", {}, t(advice))]),
      h("div", { class: "actions" }, button(t("capture.retake"), { icon: "retake", press: () => intro() }), anyway),
    ]);
  }

  /** @param {Media} media */
  async function done(media) {
    isIdle = true;
    await task.onSent(media);
  }

  intro();
  return {
    element,
    isIdle: () => isIdle,
    leave() {
      leaveView();
      sending.abort();
    },
  };
}

/**
 * @param {string} text
 * @param {(file: File) => void} onFile
 */
function fileButton(text, onFile) {
  const input = h("input", {
    type: "file",
    class: "visually-hidden",
    // Phones write their own formats anew as one of these.
    accept: "image/jpeg,image/png,image/webp",
    on: {
      change: () => {
        const file = input.files?.[0];
        if (file) onFile(file);
      },
    },
  });
  return h("label", { class: "button secondary" }, input, icon("upload"), h("span", {}, text));
}
