// The page's rules without a browser: words, links, fields, sharpness, messages, order of snapshots.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

import { countries } from "../iframe/steps/countries.js";
import { failureOf } from "../iframe/steps/camera.js";
import { dateOf, dateOrder, digitsOf, humanised, months, wrong } from "../iframe/steps/fields.js";
import { eventParser } from "../iframe/follow.js";
import { isAllowed, isLoopback } from "../iframe/frame.js";
import { LOCALES, choose, offered, ownWords } from "../iframe/i18n.js";
import { isWebAddress, pieces } from "../iframe/links.js";
import { FileError, areaUnder, namesOf, pictureFrom, typesFor } from "../iframe/steps/picture.js";
import { reasonKey } from "../iframe/steps/reasons.js";
import { phaseOf, rank } from "../iframe/session.js";
import { createJudge, sharpnessOf } from "../iframe/steps/sharpness.js";

/** @typedef {import("../iframe/types.js").Session} Session */

const PAGE = new URL("../iframe/", import.meta.url);

/** @param {string} locale @returns {Promise<Record<string, string>>} */
async function words(locale) {
  return JSON.parse(await readFile(new URL(`locales/${locale}.json`, PAGE), "utf8"));
}

/** @param {string} path */
function repository(path) {
  return readFile(new URL(`../../${path}`, import.meta.url), "utf8");
}

/** @param {Partial<Session>} patch @returns {Session} */
function session(patch) {
  return {
    session_id: "ses_1", status: "requires_input", livemode: false, steps: [], next_step: "consent", attempts: 0,
    max_attempts: 3, last_error: null, expires_at: 0, theme: {}, locales: ["en"], strings: {}, redirect_url: null,
    media: [], ...patch,
  };
}

test("every language has every word, with the same places to fill in", async () => {
  const files = await readdir(new URL("locales/", PAGE));
  assert.deepEqual(files.sort(), LOCALES.map((locale) => `${locale}.json`).sort());
  const english = await words("en");
  const places = (/** @type {string | undefined} */ text) => [...(text ?? "").matchAll(/\{\w+\}/g)].map(String).sort();
  for (const locale of LOCALES) {
    const own = await words(locale);
    assert.deepEqual(Object.keys(own), Object.keys(english), locale);
    for (const [key, text] of Object.entries(own)) {
      assert.notEqual(text.trim(), "", `${locale} ${key}`);
      assert.deepEqual(places(text), places(english[key]), `${locale} ${key}`);
    }
  }
});

test("every word that the page asks for is there, and every word is asked for", async () => {
  const english = await words("en");
  const files = (await readdir(PAGE, { recursive: true })).filter((name) => name.endsWith(".js"));
  const source = (await Promise.all(files.map((name) => readFile(new URL(name, PAGE), "utf8")))).join("\n");
  const spaces = [...new Set(Object.keys(english).map((key) => key.split(".")[0]))].join("|");
  const literal = new RegExp(`"((?:${spaces})\\.[a-z_.]+)"`, "g");
  const asked = [...source.matchAll(literal)].map((match) => String(match[1]));
  const known = asked.filter((key) => !/\.(js|json)$/.test(key));
  // "result.expired" and the like are completed at their place.
  const isThere = (/** @type {string} */ key) => Object.keys(english).some((one) => one === key || one.startsWith(`${key}.`));
  assert.deepEqual(known.filter((key) => !isThere(key)), []);
  const made = [...source.matchAll(new RegExp(`\`((?:${spaces})\\.[a-z_.]*)\\$\\{`, "g"))].map((match) => String(match[1]));
  const isAsked = (/** @type {string} */ key) => known.includes(key) || made.some((start) => key.startsWith(start));
  assert.deepEqual(Object.keys(english).filter((key) => !isAsked(key)), []);
});

test("the page begins with the files that are in no folder, and the others wait until they are asked for", async () => {
  /** @type {Set<string>} */
  const begun = new Set();
  const follow = async (/** @type {string} */ name) => {
    if (begun.has(name)) return;
    begun.add(name);
    const source = await readFile(new URL(name, PAGE), "utf8");
    const imports = [...source.matchAll(/^import [^;(]*"(\.[^"]+)";$/gm)].map(([, path]) => new URL(String(path), new URL(name, PAGE)));
    for (const { href } of imports) await follow(href.slice(PAGE.href.length));
  };
  await follow("app.js");
  assert.deepEqual([...begun].sort(), (await readdir(PAGE)).filter((name) => name.endsWith(".js")).sort());
});

test("every code of the checks has words, and what the person can mend has its own", async () => {
  const english = await words("en");
  const rows = (await repository("docs/checks.md")).split("\n").filter((line) => /^\| `\w+` \|/.test(line));
  assert.ok(rows.length >= 11);
  for (const row of rows) {
    const [, , , failed = "", review = ""] = row.split("|");
    const codes = (/** @type {string} */ cell) => [...cell.matchAll(/`(\w+)`/g)].map((match) => String(match[1]));
    for (const code of [...codes(failed), ...codes(review)]) assert.ok(english[reasonKey(code)], code);
    for (const code of codes(failed)) assert.notEqual(reasonKey(code), "reason.other", code);
  }
  const flaws = [...(await repository("model/src/media.rs")).matchAll(/=> "(picture_\w+)"/g)].map((match) => String(match[1]));
  assert.ok(flaws.length >= 5);
  for (const code of flaws) assert.ok(english[`reason.${code}`], code);
  assert.equal(reasonKey("constructor"), "reason.other");
});

test("the countries are those of the server", async () => {
  const source = (await repository("model/src/country.rs")).replaceAll(/\\\n\s*/g, "");
  const assigned = /const ASSIGNED: &str = "([A-Z]+)"/.exec(source)?.[1] ?? "";
  const codes = countries(["*"], "en").map(({ code }) => code);
  assert.equal(codes.length, 249);
  assert.equal(codes.sort().join(""), assigned);
  assert.deepEqual(countries(["SE", "DE"], "de").map(({ name }) => name), ["Deutschland", "Schweden"]);
});

test("links are https alone, and a sentence's end is no part of them", () => {
  assert.deepEqual(pieces("See [our notice](https://a.example/p) or https://b.example/x?y=1."), [
    { text: "See " }, { text: "our notice", href: "https://a.example/p" }, { text: " or " },
    { text: "https://b.example/x?y=1", href: "https://b.example/x?y=1" }, { text: "." },
  ]);
  for (const text of [
    "no link", "http://a.example", "[x](javascript:alert(1))", "[x](http://a.example)", "[x](//a.example)",
    "[x](https://user:secret@a.example/)", "https://user@a.example", "<a href='https:'>", "[x](data:text/html,x)",
  ]) {
    assert.deepEqual(pieces(text), [{ text }], text);
  }
  assert.ok(isWebAddress("https://a.example") && isWebAddress("http://localhost:3000/x"));
  for (const text of [null, "", "javascript:alert(1)", "data:text/html,x", "/path"]) assert.ok(!isWebAddress(text), String(text));
});

test("typed values are held against what the server takes", () => {
  const today = new Date("2026-11-25T12:00:00Z");
  const birth = /** @type {const} */ ({ name: "date_of_birth", type: "date", required: true });
  const name = /** @type {const} */ ({ name: "last_name", type: "string", required: false });
  for (const [value, expected] of /** @type {Array<[string, string | null]>} */ ([
    ["1974-08-12", null], ["2024-02-29", null], ["2023-02-29", "error.date"], ["1974-13-01", "error.date"], ["74-08-12", "error.date"],
    ["1974--", "error.date"], ["", "error.required"], ["2026-11-26", "error.future"], ["1880-01-01", "error.too_old"], ["0099-01-01", "error.too_old"],
  ])) {
    assert.equal(wrong(birth, value, today), expected, value);
  }
  assert.equal(wrong({ ...birth, name: "date_of_expiry" }, "2049-12-31", today), null);
  for (const [value, expected] of /** @type {Array<[string, string | null]>} */ ([
    ["", null], ["Ng", null], ["李", null], ["علي", null], ["—", "error.no_letter"], ["😀".repeat(200), "error.no_letter"],
    ["é".repeat(200), null], ["é".repeat(201), "error.too_long"],
  ])) {
    assert.equal(wrong(name, value, today), expected, value);
  }
});

test("dates are written in each person's order and digits, and sent in one form", () => {
  assert.deepEqual([dateOrder("en"), dateOrder("de"), dateOrder("zh")], [["month", "day", "year"], ["day", "month", "year"], ["year", "month", "day"]]);
  assert.equal(dateOf({ day: "5", month: "3", year: "1990" }), "1990-03-05");
  assert.equal(dateOf({ day: "٥", month: "3", year: "١٩٩٠" }), "1990-03-05");
  assert.equal(dateOf({ day: "", month: "", year: "" }), "");
  assert.equal(dateOf({ day: "5", month: "", year: "1990" }), "1990--5");
  assert.equal(digitsOf(" ۱۲३ "), "123");
  assert.deepEqual([months("fr")[7], months("ar").length], ["août", 12]);
  assert.equal(humanised("tax_number"), "Tax number");
});

test("only loopback and named origins may speak to the page", () => {
  for (const origin of ["http://localhost:3000", "https://shop.localhost", "http://127.0.0.1:5173", "http://[::1]:8080"]) {
    assert.ok(isLoopback(origin), origin);
  }
  for (const origin of ["http://localhost.example.com", "http://127.0.0.1.example.com", "https://notlocalhost", "null", "", "file://localhost"]) {
    assert.ok(!isLoopback(origin), origin);
  }
  Object.assign(globalThis, { location: { origin: "https://vetd.example" } });
  const live = session({ parent_origins: ["https://shop.example"], loopback_allowed: false });
  assert.ok(isAllowed("https://shop.example", live) && !isAllowed("http://localhost", live) && !isAllowed("https://evil.example", live));
  assert.ok(isAllowed("http://localhost", { ...live, loopback_allowed: true }) && !isAllowed("https://shop.example", null));
});

test("an answer that was overtaken takes nothing back", () => {
  const step = (/** @type {"accepted" | "current"} */ state) => /** @type {const} */ ({ type: "consent", state });
  const inOrder = [
    session({ status: "created", next_step: null }),
    session({ steps: [step("current")] }),
    session({ status: "in_progress", steps: [step("accepted")], next_step: "data_entry" }),
    session({ status: "in_progress", steps: [step("accepted")], next_step: null, attempts: 1 }),
    session({ steps: [step("accepted")], next_step: "data_entry", attempts: 1 }),
    session({ status: "in_progress", steps: [step("accepted")], next_step: null, attempts: 2 }),
    session({ status: "failed", next_step: null, attempts: 2 }),
  ];
  const ranks = inOrder.map(rank);
  assert.deepEqual(ranks, [...new Set(ranks)].sort((a, b) => a - b));
  assert.deepEqual(inOrder.map(phaseOf), ["collecting", "collecting", "collecting", "submitted", "collecting", "submitted", "decided"]);
  assert.equal(phaseOf(session({ status: "requires_review" })), "in_review");
  assert.equal(phaseOf(session({ status: "expired" })), "ended");
});

test("events are read however the text is cut", () => {
  const text = ":\n\nevent: session\ndata: {\"a\":\ndata: 1}\n\nevent: other\r\ndata:x\r\n\r\n";
  for (const size of [1, 3, 7, text.length]) {
    /** @type {string[][]} */
    const heard = [];
    const parse = eventParser((event, data) => heard.push([event, data]));
    for (let at = 0; at < text.length; at += size) parse(text.slice(at, at + size));
    assert.deepEqual(heard, [["session", '{"a":\n1}'], ["other", "x"]], `in pieces of ${size}`);
  }
});

test("the camera's picture is judged sharp, still and lit", () => {
  const [width, height] = [40, 30];
  const picture = (/** @type {(x: number, y: number) => number} */ grey) =>
    Uint8Array.from({ length: width * height }, (_, at) => grey(at % width, Math.floor(at / width)));
  const edges = picture((x, y) => ((x >> 2) + (y >> 2)) % 2 === 0 ? 60 : 200);
  const smooth = picture((x) => 60 + 3 * x);
  assert.ok(sharpnessOf(edges, width) > 50 * sharpnessOf(smooth, width));
  const verdicts = (/** @type {Uint8Array[]} */ pictures) => {
    const judge = createJudge();
    return pictures.map((one) => judge(one, width).verdict);
  };
  assert.deepEqual(verdicts([edges, edges]), ["moving", "good"]);
  assert.deepEqual(verdicts([smooth, smooth]), ["moving", "blurry"]);
  assert.deepEqual(verdicts([edges, edges.map((grey) => 260 - grey)]), ["moving", "moving"]);
  assert.deepEqual([0, 30, 250].map((grey) => verdicts([picture(() => grey)])[0]), ["black", "dark", "bright"]);
  const judge = createJudge();
  assert.deepEqual([1, 2, 3, 4, 5].map(() => judge(edges, width).ready), [false, false, false, false, true]);
});

test("what is taken is what the stage shows", () => {
  const tall = areaUnder({ width: 1080, height: 1920 }, { width: 400, height: 300 }, { x: 0, y: 0, width: 400, height: 300 });
  assert.deepEqual(tall, { x: 0, y: 555, width: 1080, height: 810 });
  const wide = areaUnder({ width: 1920, height: 1080 }, { width: 400, height: 300 }, { x: 100, y: 75, width: 200, height: 150 });
  assert.deepEqual(wide, { x: 600, y: 270, width: 720, height: 540 });
});

test("files are those that the server takes, and a face comes as a picture", () => {
  const three = ["image/jpeg", "image/png", "image/webp"];
  assert.deepEqual([typesFor(session({}), true), typesFor(null, false)], [three, three]);
  const known = session({ media_types: [...three, "image/heic", "application/pdf"] });
  assert.deepEqual(typesFor(known, true), known.media_types);
  assert.deepEqual(typesFor(known, false), [...three, "image/heic"]);
  assert.equal(namesOf(typesFor(known, true), "de"), "JPEG, PNG, WebP, HEIC oder PDF");
});

test("what the browser cannot show is sent as it is, if the server can read it", async () => {
  // A browser that can show none of these.
  Object.assign(globalThis, { createImageBitmap: () => Promise.reject(new DOMException("no", "InvalidStateError")) });
  const file = (/** @type {string} */ type, size = 10) => new File([new Uint8Array(size)], "file", { type });
  const all = ["image/jpeg", "image/heic", "application/pdf"];
  for (const type of ["application/pdf", "image/heic"]) {
    const sent = file(type);
    assert.deepEqual(await pictureFrom(sent, all), { picture: sent, isShown: false }, type);
    await assert.rejects(pictureFrom(file(type, 16 * 1024 * 1024 + 1), all), new FileError("too_large"), type);
  }
  for (const [type, size, code] of /** @type {const} */ ([
    ["application/pdf", 10, "pdf"], ["image/heic", 10, "unreadable"], ["image/jpeg", 10, "unreadable"], ["application/pdf", 0, "empty"],
  ])) {
    await assert.rejects(pictureFrom(file(type, size), ["image/jpeg"]), new FileError(code), `${type} ${size}`);
  }
});

test("a PDF without a name for its type is one by its first bytes, as on the server", async () => {
  Object.assign(globalThis, { createImageBitmap: () => Promise.reject(new DOMException("no", "InvalidStateError")) });
  for (const type of ["", "application/octet-stream"]) {
    const scan = new File(["%PDF-1.7"], "scan", { type });
    assert.deepEqual(await pictureFrom(scan, ["image/jpeg", "application/pdf"]), { picture: scan, isShown: false }, type);
    await assert.rejects(pictureFrom(scan, ["image/jpeg"]), new FileError("pdf"), type);
    await assert.rejects(pictureFrom(new File([" %PDF-1.7"], "other", { type }), ["application/pdf"]), new FileError("unreadable"), type);
  }
});

test("cameras fail by name", () => {
  const names = { NotAllowedError: "camera_denied", NotFoundError: "camera_missing", OverconstrainedError: "camera_missing", NotReadableError: "camera_in_use", AbortError: "camera_in_use" };
  for (const [name, code] of Object.entries(names)) assert.equal(failureOf(name), code);
});

test("languages are those of the template, its words before the page's", () => {
  const german = session({ locales: ["de-AT", "tlh", "en", "de"], strings: { "a.b": "all", de: { "a.b": "deutsch" }, long: "x".repeat(3000), number: 7 } });
  assert.deepEqual(offered(german), ["de", "en"]);
  assert.deepEqual([choose(german, ["fr", "en-GB"]), choose(german, ["fr"]), choose(null, [])], ["en", "de", "en"]);
  assert.deepEqual(["de", "en"].map((locale) => ownWords(german, locale, "a.b")), ["deutsch", "all"]);
  assert.deepEqual(["long", "number", "absent"].map((key) => ownWords(german, "en", key)), [undefined, undefined, undefined]);
});

test("an accent is moved until it can be read", async () => {
  Object.assign(globalThis, { matchMedia: () => ({ matches: false, addEventListener() {} }) });
  const { contrast, parseColour, shadesOf } = await import("../iframe/theme.js");
  assert.deepEqual([parseColour("#fff"), parseColour("#0B6672")], [[255, 255, 255], [11, 102, 114]]);
  for (const text of ["red", "#ff", "#12345g", "#fff;x", 7, null, undefined]) assert.equal(parseColour(text), null);
  const read = (/** @type {string} */ css) => /** @type {[number, number, number]} */ (css.match(/\d+/g)?.map(Number));
  for (const accent of ["#ffe14d", "#0b6672", "#777777", "#ffffff", "#000000", "#ff0000"]) {
    for (const background of /** @type {Array<[number, number, number]>} */ ([[255, 255, 255], [28, 32, 37]])) {
      const shades = shadesOf(/** @type {[number, number, number]} */ (parseColour(accent)), background);
      assert.ok(contrast(read(shades["--accent-text"]), background) >= 4.5, `${accent} on ${background}`);
      assert.ok(contrast(read(shades["--on-accent"]), read(shades["--accent"])) >= 4.5, `on ${accent}`);
    }
  }
});
