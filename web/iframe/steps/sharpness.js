// Whether the camera shows something worth taking: sharp, still, lit. Looks at a small grey copy of the
// picture some times a second; pure arithmetic, so that it can be tested without a camera.

/** What is looked at, in pixels. */
export const SAMPLE = { width: 240, height: 160 };
const SHARP = 90;
const STILL = 6;
const BLACK = 12;
const DARK = 45;
const BRIGHT = 235;
/** Looks in a row that must be good. */
const ENOUGH = 4;

/** @typedef {"black" | "dark" | "bright" | "blurry" | "moving" | "good"} Verdict */

/** Grey values, 0 to 255. @param {ImageData} image */
export function greyOf({ data }) {
  const grey = new Uint8Array(data.length / 4);
  for (let place = 0; place < grey.length; place += 1) {
    const at = place * 4;
    grey[place] = (Number(data[at]) * 77 + Number(data[at + 1]) * 151 + Number(data[at + 2]) * 28) >> 8;
  }
  return grey;
}

/**
 * The variance of the Laplacian: high where edges are sharp.
 * @param {Uint8Array} grey
 * @param {number} width
 */
export function sharpnessOf(grey, width) {
  let [count, sum, squares] = [0, 0, 0];
  for (let at = width + 1; at < grey.length - width - 1; at += 1) {
    // The neighbours of what stands at the edge are on the other side.
    if (at % width === 0 || at % width === width - 1) continue;
    const around = Number(grey[at - 1]) + Number(grey[at + 1]) + Number(grey[at - width]) + Number(grey[at + width]);
    const value = 4 * Number(grey[at]) - around;
    count += 1;
    sum += value;
    squares += value * value;
  }
  return squares / count - (sum / count) ** 2;
}

/** How much two pictures differ: the mean over all pixels. @param {Uint8Array} a @param {Uint8Array} b */
export function motionBetween(a, b) {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += Math.abs(Number(a[at]) - Number(b[at]));
  return sum / a.length;
}

/**
 * Judges one picture after the other.
 * @returns {(grey: Uint8Array, width: number) => { verdict: Verdict, ready: boolean }}
 */
export function createJudge() {
  /** @type {Uint8Array | null} */
  let before = null;
  let good = 0;
  return (grey, width) => {
    const verdict = judge(grey, width, before);
    before = grey;
    good = verdict === "good" ? good + 1 : 0;
    return { verdict, ready: good >= ENOUGH };
  };
}

/**
 * @param {Uint8Array} grey
 * @param {number} width
 * @param {Uint8Array | null} before
 * @returns {Verdict}
 */
function judge(grey, width, before) {
  const brightness = grey.reduce((sum, value) => sum + value, 0) / grey.length;
  if (brightness < BLACK) return "black";
  if (brightness < DARK) return "dark";
  if (brightness > BRIGHT) return "bright";
  if (!before || motionBetween(grey, before) > STILL) return "moving";
  return sharpnessOf(grey, width) < SHARP ? "blurry" : "good";
}
