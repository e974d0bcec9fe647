// One picture, from the first word about it to the server's answer: camera or file, a look at it, sent,
// and what the server advises.

import { ApiError } from "../api.js";
import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { button, busy, notice, tips } from "../layout.js";
import { specimenButtons } from "../test_mode.js";
import { viewfinder } from "./camera.js";
import { canHandOff, handOff } from "./handoff.js";
import { FileError, namesOf, pictureFrom, turned, typesFor } from "./picture.js";
import { upload } from "./upload.js";

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
  const types = typesFor(app.store.get().session, task.shape !== "face");
  const kinds = namesOf(types, app.locale());
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
        fileButton(t("capture.file"), types, take),
        canHandOff() && button(t("capture.phone"), { look: "secondary", icon: "phone", press: (event) => void handOff(app, event) }),
        task.onBack && button(task.backLabel ?? t("app.back"), { look: "quiet", press: task.onBack }),
      ),
      h("p", { class: "fine" }, t("capture.file_hint", { kinds })),
      specimenButtons(app, task.kind, task.document, preview),
    ]);
  }

  function live() {
    isIdle = false;
    view(task.title, task.lead, []);
    const finder = viewfinder(app, { shape: task.shape, onPicture: preview, onFailure: failed, onClose: () => intro() });
    replace(content, finder.element, h("div", { class: "actions" }, fileButton(t("capture.file"), types, take)));
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
      const { picture, isShown } = await pictureFrom(file, types);
      if (isShown) preview(picture);
      else named(file.name, picture);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      unusable(error.code);
    }
  }

  /** @param {string} code */
  function unusable(code) {
    intro(notice("bad", "alert", [h("p", {}, t(`file.${code}`, { kinds }))]));
  }

  /**
   * A file that the page cannot show.
   * @param {string} name
   * @param {Blob} file
   */
  function named(name, file) {
    isIdle = false;
    const size = new Intl.NumberFormat(app.locale(), { style: "unit", unit: "kilobyte", maximumFractionDigits: 0 });
    const entry = h("li", {}, icon("document"), h("span", {}, h("bdi", {}, name), h("small", {}, size.format(file.size / 1e3))));
    view(t("capture.file_question"), t("capture.file_unseen"), [
      h("ul", { class: "received" }, entry),
      h(
        "div",
        { class: "actions" },
        button(t("capture.use_file"), { icon: "check", press: () => void send(file) }),
        button(t("capture.retake"), { look: "secondary", icon: "retake", press: () => intro() }),
      ),
    ]);
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
      await refused(error);
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
  async function refused(error) {
    if (["session_expired", "invalid_state"].includes(error.code)) {
      await app.session.refresh();
      // Still awaited, as where a session has sent all the pictures that it may.
      if (element.isConnected) unusable("refused");
      return;
    }
    if (["unsupported_media_type", "payload_too_large", "validation_error"].includes(error.code)) {
      // What is wrong with a PDF stands at the end of the message, in brackets.
      const pdf = /\((pdf_\w+)\)$/.exec(error.fields[0]?.message ?? "")?.[1];
      return unusable(error.code === "payload_too_large" ? "too_large" : (pdf ?? "unreadable"));
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
 * @param {string[]} types Phones write their own formats anew as one of these.
 * @param {(file: File) => void} onFile
 */
function fileButton(text, types, onFile) {
  const input = h("input", {
    type: "file",
    class: "visually-hidden",
    accept: types.join(),
    on: {
      change: () => {
        const file = input.files?.[0];
        if (file) onFile(file);
      },
    },
  });
  return h("label", { class: "button secondary" }, input, icon("upload"), h("span", {}, text));
}
