// A vetd of its own for each test file: the real program, a free port, a folder that goes at the end.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const API_KEY = "ak_test_0123456789abcdefghijklmn";

/** @typedef {Record<string, any>} Json */

/** Servers end with their test file, also if that is ended before its end. @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
process.once("exit", () => running.forEach((child) => child.kill()));
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.once(signal, () => process.exit(1));

export class Vetd {
  /** @type {import("node:child_process").ChildProcess | null} */
  #process = null;
  #folder = "";
  #offset = 0;
  /** @type {string[]} */
  #flags = [];
  /** What it said on standard error. */
  log = "";
  /** Where it is reached, without a slash at the end. */
  url = "";

  /**
   * Starts one.
   * @param {string[]} flags further flags of `vetd serve`
   */
  static async start(...flags) {
    const vetd = new Vetd();
    vetd.#folder = await mkdtemp(join(tmpdir(), "vetd-web-"));
    vetd.#flags = flags;
    await vetd.#run("127.0.0.1:0");
    return vetd;
  }

  /** Ends it and removes its folder; fails if it has logged an error. */
  async stop() {
    await this.#end();
    await rm(this.#folder, { recursive: true, force: true });
    if (this.log !== "") throw new Error(`the server logged errors:\n${this.log}`);
  }

  /**
   * Starts it again at the same address and over the same folder, with its clock so many seconds on.
   * @param {number} seconds
   */
  async restart(seconds = 0) {
    await this.#end();
    this.#offset += seconds;
    await this.#run(new URL(this.url).host);
  }

  /** @param {string} listen */
  async #run(listen) {
    const program = process.env.PROGRAM;
    if (program === undefined) throw new Error("PROGRAM names no vetd; use web/tests/run.sh");
    const flags = ["serve", "--data", join(this.#folder, "store"), "--listen", listen, "--log", "error", ...this.#flags];
    const env = { ...process.env, VETD_BOOTSTRAP_TEST_KEY: API_KEY, VETD_CLOCK_OFFSET: String(this.#offset) };
    const child = spawn(program, flags, { cwd: this.#folder, env, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    child.stderr.on("data", (text) => (this.log += text));
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /listening on +(http:\/\/\S+)/.exec(line)?.[1];
      if (url !== undefined) {
        this.url = url;
        child.stdout.resume();
        return;
      }
    }
    throw new Error(`the server ended before it listened:\n${this.log}`);
  }

  async #end() {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  }

  /**
   * A request as the tenant's backend makes it; answers outside 2xx are errors.
   * @param {string} method
   * @param {string} path
   * @param {Json} [body]
   * @returns {Promise<Json>}
   */
  async call(method, path, body) {
    return this.callAs(API_KEY, method, path, body);
  }

  /**
   * The same with another credential, such as a session's token.
   * @param {string} bearer
   * @param {string} method
   * @param {string} path
   * @param {Json} [body]
   * @returns {Promise<Json>}
   */
  async callAs(bearer, method, path, body) {
    const headers = { Authorization: `Bearer ${bearer}`, "Content-Type": "application/json" };
    const answer = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }

  /**
   * A session of the workspace's default flow, or of the one that the body names.
   * @param {Json} [body]
   */
  async session(body = {}) {
    return this.call("POST", "/v1/sessions", body);
  }

  /**
   * Waits until a session has come to this status.
   * @param {Json} session
   * @param {string} status
   */
  async reaches(session, status) {
    while ((await this.call("GET", `/v1/sessions/${session.id}`)).status !== status);
  }

  /**
   * A published template with these steps and checks; its slug, for `template_slug`.
   * @param {string} slug
   * @param {Json} flow_config
   */
  async template(slug, flow_config) {
    const made = await this.call("POST", "/v1/templates", { name: slug, slug, flow_config });
    await this.call("POST", `/v1/templates/${made.id}/publish`, {});
    return slug;
  }

  /**
   * Walks a session through without a browser.
   * @param {Json} session
   * @param {("load" | "submit" | "cancel" | "expire")[]} actions
   */
  async simulate(session, ...actions) {
    return this.call("POST", `/v1/test/sessions/${session.id}/simulate`, { actions });
  }
}
