// support.mjs - what every test of the page stands on: the real daemon with the history of the real programme, the real
// gateway and a real browser. Nothing sleeps: every wait is for an answer, a line, or something on the page.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

export const EVENTS = 1866; // of the history
const WAIT_MS = 20000; // of any one wait: long, for a busy machine is slow
const VIEWS_WITH_ROWS = ["funnel", "map", "networks", "trials", "exemptions", "outcomes", "evaluations", "deadlines",
  "figures", "laws"];
export const VIEWS = ["overview", "timeline", "trial", ...VIEWS_WITH_ROWS];
export const TRIAL = "ff2-018";

/** A program or directory that the build has made; run.mjs has seen that it is there. */
function made(variable) {
  const path = process.env[variable];
  assert.ok(path, `${variable} is not set: ctest -L browser sets it`);
  return path;
}

/** The daemon and the gateway; each can be killed and started again. */
export class Servers {
  constructor() {
    this.scratch = mkdtempSync(join(tmpdir(), "td"));
    this.endpoint = `ipc://${this.scratch}/s`;
    this.port = 0;
    this.environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^TRIAL(D|BOARD)_/.test(name)));
    this.environment.TRIALD_ENDPOINT = this.endpoint;
  }

  async start() {
    this.startDaemon();
    this.ctl("import", made("TRIAL_HISTORY"));
    await this.startBoard();
    return this;
  }

  startDaemon(store = "store") {
    this.daemon = spawn(made("TRIALD"), ["--store", `${this.scratch}/${store}`, "--listen", this.endpoint, "--feed",
      `ipc://${this.scratch}/f`], { stdio: "ignore", env: this.environment });
    this.ctl("status"); // waits until it answers
  }

  async startBoard(...settings) {
    this.board = spawn(made("TRIALBOARD"), ["--listen", `127.0.0.1:${this.port}`, "--endpoint", this.endpoint, "--pages",
      made("TRIAL_PAGES"), ...settings], { stdio: ["ignore", "pipe", "inherit"], env: this.environment });
    const [line] = await once(createInterface(this.board.stdout), "line");
    this.port = Number(/^listening on http:\/\/127\.0\.0\.1:(\d+)\/$/.exec(line)[1]);
  }

  /** What trialctl prints. */
  ctl(...words) {
    const done = spawnSync(made("TRIALCTL"), [...words, "--timeout", "60s"], { encoding: "utf8", env: this.environment,
      maxBuffer: 1 << 26 });
    assert.equal(done.status, 0, `trialctl ${words.join(" ")}: ${done.stderr}`);
    return done.stdout;
  }

  /** The one JSON document that trialctl answers with. */
  ask(...words) {
    return JSON.parse(this.ctl(...words, "--json"));
  }

  /** One more figure that somebody has published; its position. */
  report(document) {
    return this.ask("publish", "--source=/dk/ministerium/indenrig", "--type=figure.reported", "--subject=programme/ff2",
      "programme=ff2", "metric=networks.applied", "value=43", "asOf=2016-08-27", `document=${document}`).position;
  }

  async kill(name) {
    const process = this[name];
    if (process.exitCode !== null || process.signalCode !== null) return;
    process.kill("SIGKILL");
    await once(process, "exit");
  }

  async close() {
    if (this.board) await this.kill("board");
    if (this.daemon) await this.kill("daemon");
    rmSync(this.scratch, { recursive: true, force: true });
  }

  address(changes = {}) {
    return `http://127.0.0.1:${this.port}/?${new URLSearchParams({ programme: "ff2", lang: "en", ...changes })}`;
  }
}

/** A browser window that keeps what went wrong in it: requests elsewhere, what the policy forbade, errors. */
export class Window {
  constructor(browser, servers) {
    this.browser = browser;
    this.servers = servers;
    this.wrong = [];
  }

  async open(options = {}) {
    this.context = await this.browser.newContext({ locale: "en-GB", acceptDownloads: true, ...options });
    this.context.setDefaultTimeout(WAIT_MS);
    this.context.on("request", (request) => {
      const { protocol, host } = new URL(request.url());
      if (!["data:", "blob:"].includes(protocol) && host !== `127.0.0.1:${this.servers.port}`) this.wrong.push(`request to ${request.url()}`);
    });
    await this.context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`forbidden by ${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
      });
    });
    this.page = await this.context.newPage();
    this.page.on("pageerror", (error) => this.wrong.push(`error: ${error.message}`));
    this.page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.wrong.push(`console: ${message.text()} ${message.location().url}`);
    });
    return this;
  }

  /** Show a state of the page, and wait until all of its answers are there. */
  async show(changes = {}) {
    await this.page.goto(this.servers.address(changes));
    await this.settled();
    return this.page;
  }

  /** Wait until the stream lives and no widget waits for an answer. */
  async settled() {
    await this.page.waitForSelector('#status[data-live="live"]');
    await this.page.waitForFunction(() => document.querySelector("section[data-widget], .headline")
      && !document.querySelector('section[aria-busy="true"]'));
  }

  /** Wait until a selector's text is that. */
  async text(selector, text) {
    await this.page.waitForFunction(([where, wanted]) => document.querySelector(where)?.textContent.trim() === wanted,
      [selector, String(text)]).catch(async (error) => {
      const was = await this.page.locator(selector).first().textContent({ timeout: 1000 }).catch(() => "nothing");
      assert.fail(`${selector} is '${was}', not '${text}' (${error.message.split("\n")[0]})`);
    });
  }

  /** A table's cells as texts: { key: { field: text } }, whether its details are open or not. */
  table(name) {
    return this.page.evaluate((table) => Object.fromEntries([...document.querySelectorAll(`table[data-table="${table}"] tr[data-key]`)]
      .map((row) => [row.dataset.key, Object.fromEntries([...row.querySelectorAll("[data-field]")]
        .map((cell) => [cell.dataset.field, cell.textContent.trim()]))])), name);
  }

  async close() {
    await this.context?.close();
  }
}

export const launch = () => chromium.launch({ executablePath: made("CHROMIUM"), args: ["--disable-gpu", "--no-first-run"] });

/** One test file's servers, browser and window: before() and after() of node:test. */
export function stage({ before, after }, options) {
  const on = {};
  before(async () => {
    on.servers = await new Servers().start();
    on.browser = await launch();
    on.window = await new Window(on.browser, on.servers).open(options);
  });
  after(async () => {
    await on.browser?.close();
    await on.servers?.close();
  });
  return on;
}

/** Keep a picture of what is shown where TRIAL_SHOTS names a directory. */
export async function shot(page, name) {
  if (process.env.TRIAL_SHOTS) writeFileSync(join(process.env.TRIAL_SHOTS, `${name}.png`), await page.screenshot({ fullPage: true }));
}
