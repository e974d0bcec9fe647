// Pictures in the page: from the camera, from a file, turned.

/** The most that the server takes. */
const LARGEST_FILE = 16 * 1024 * 1024;
const LONGEST_SIDE = 4000;
const QUALITY = 0.92;
/** What every browser can show, and every server takes. */
const PICTURES = ["image/jpeg", "image/png", "image/webp"];
const PDF = "application/pdf";

/** @import { Session } from "../types.js" */

/** @typedef {{ x: number, y: number, width: number, height: number }} Area */

/** A file that cannot be used; `code` names the words that say why. */
export class FileError extends Error {
  /** @param {"empty" | "pdf" | "too_large" | "unreadable"} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * The types of the files that the server takes. A face is shown by a picture alone.
 * @param {Session | null} session
 * @param {boolean} isDocument
 */
export function typesFor(session, isDocument) {
  const types = session?.media_types ?? PICTURES;
  return isDocument ? types : types.filter((type) => type !== PDF);
}

/**
 * `JPEG, PNG or PDF`, as the person's language lists things.
 * @param {string[]} types
 * @param {string} locale
 */
export function namesOf(types, locale) {
  const names = types.map((type) => (type === "image/webp" ? "WebP" : (type.split("/")[1] ?? type).toUpperCase()));
  return new Intl.ListFormat(locale, { type: "disjunction" }).format(names);
}

/**
 * A file as the server takes it. Pictures that only the browser can read are written anew; what only the
 * server can read, as PDF, goes there as it is.
 * @param {File} file
 * @param {string[]} types What the server takes.
 * @returns {Promise<{ picture: Blob, isShown: boolean }>} Throws a `FileError`.
 */
export async function pictureFrom(file, types) {
  if (file.size === 0) throw new FileError("empty");
  const type = await typeOf(file, types);
  const isTaken = types.includes(type);
  if (type === PDF && !isTaken) throw new FileError("pdf");
  if (isTaken && !PICTURES.includes(type)) {
    if (file.size > LARGEST_FILE) throw new FileError("too_large");
    const image = type === PDF ? null : await decode(file).catch(() => null);
    image?.close();
    return { picture: file, isShown: image !== null };
  }
  const image = await decode(file);
  if (isTaken && file.size <= LARGEST_FILE) {
    image.close();
    return { picture: file, isShown: true };
  }
  const blob = await draw(image, { x: 0, y: 0, width: image.width, height: image.height }, 0);
  image.close();
  if (blob.size > LARGEST_FILE) throw new FileError("too_large");
  return { picture: blob, isShown: true };
}

/**
 * Not every device names a PDF. Then its first bytes do, as on the server.
 * @param {File} file
 * @param {string[]} types
 */
async function typeOf(file, types) {
  if ([...PICTURES, ...types].includes(file.type)) return file.type;
  return (await file.slice(0, 5).text().catch(() => "")) === "%PDF-" ? PDF : file.type;
}

/** @param {Blob} blob */
async function decode(blob) {
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    throw new FileError("unreadable");
  }
}

/**
 * A quarter turn to the right.
 * @param {Blob} blob
 */
export async function turned(blob) {
  const image = await decode(blob);
  const result = await draw(image, { x: 0, y: 0, width: image.width, height: image.height }, 1);
  image.close();
  return result;
}

/**
 * What the camera shows within an area of its picture.
 * @param {HTMLVideoElement} video
 * @param {Area} area
 */
export function snapshot(video, area) {
  return draw(video, area, 0);
}

/**
 * @param {CanvasImageSource} source
 * @param {Area} area
 * @param {0 | 1} quarters
 * @returns {Promise<Blob>}
 */
function draw(source, area, quarters) {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(area.width, area.height));
  const [width, height] = [Math.round(area.width * scale), Math.round(area.height * scale)];
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = quarters ? [height, width] : [width, height];
  const context = canvas.getContext("2d");
  if (quarters && context) {
    context.translate(height, 0);
    context.rotate(Math.PI / 2);
  }
  context?.drawImage(source, area.x, area.y, area.width, area.height, 0, 0, width, height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new FileError("unreadable"))), "image/jpeg", QUALITY);
  });
}

/**
 * Which part of the camera's picture lies under a box on the screen, where the picture fills its stage
 * as `object-fit: cover` does.
 * @param {{ width: number, height: number }} picture
 * @param {{ width: number, height: number }} stage
 * @param {Area} box Relative to the stage.
 * @returns {Area}
 */
export function areaUnder(picture, stage, box) {
  const scale = Math.max(stage.width / picture.width, stage.height / picture.height);
  const [left, top] = [(picture.width * scale - stage.width) / 2, (picture.height * scale - stage.height) / 2];
  const [x, y] = [Math.max(0, (box.x + left) / scale), Math.max(0, (box.y + top) / scale)];
  const [width, height] = [Math.min(picture.width - x, box.width / scale), Math.min(picture.height - y, box.height / scale)];
  return { x, y, width, height };
}
