// What only test sessions have: documents and data of people who do not exist.

import { h } from "./dom.js";
import { button, busy } from "./layout.js";

/** @import { App, DocumentKind, MediaKind } from "./types.js" */

/** @typedef {{ name: string, kind: MediaKind, document: DocumentKind | null, url: string }} Specimen */

/**
 * Buttons for the specimens that fit.
 * @param {App} app
 * @param {MediaKind} kind
 * @param {DocumentKind | undefined} document
 * @param {(picture: Blob) => void} onPicture
 */
export function specimenButtons(app, kind, document, onPicture) {
  if (app.store.get().session?.livemode !== false) return null;
  const box = h("div", { class: "test-tools" }, h("p", {}, app.t("test.specimens")));
  box.hidden = true;
  void fill(app, box, (one) => one.kind === kind && (one.document === null || one.document === document), onPicture);
  return box;
}

/**
 * @param {App} app
 * @param {HTMLElement} box
 * @param {(specimen: Specimen) => boolean} fits
 * @param {(picture: Blob) => void} onPicture
 */
async function fill(app, box, fits, onPicture) {
  /** @type {{ data: Specimen[] }} */
  const { data } = await app.api.read("iframe/api/specimens").catch(() => ({ data: [] }));
  for (const specimen of data.filter(fits)) {
    const choose = button(specimen.name.replaceAll("_", " "), {
      look: "secondary",
      press: () => void busy(choose, async () => onPicture(await picture(app, specimen))),
    });
    box.append(choose);
    box.hidden = false;
  }
}

/**
 * @param {App} app
 * @param {Specimen} specimen
 */
async function picture(app, { name }) {
  const response = await app.api.send(`iframe/api/specimens/${name}`, { method: "GET" });
  return response.blob();
}

/** What a person who does not exist would type. @param {import("./types.js").Field} field */
export function specimenValue({ name, type }) {
  if (type === "country") return "DE";
  if (type === "date") return name === "date_of_expiry" ? "2049-12-31" : "1974-08-12";
  return { first_name: "ANNA MARIA", last_name: "ERIKSSON" }[name] ?? "SPECIMEN";
}
