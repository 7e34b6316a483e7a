// The page follows the log: what is published shows without a reload, and nothing is missed while the daemon or the
// gateway is away.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EVENTS, stage } from "./support.mjs";

const on = stage({ before, after });
let figures = 18;
let position = EVENTS;

function publish() {
  figures += 1;
  position += 1;
  assert.equal(on.servers.report(`report ${figures}`), position);
}

const isShown = () => on.window.page.waitForSelector(`#ticker > li[data-position="${position}"]`);

/** The ticker holds the newest events, the newest first, without a gap. */
async function assertTicker() {
  const shown = await on.window.page.$$eval("#ticker > li", (items) => items.map((item) => Number(item.dataset.position)));
  assert.ok(shown.length >= 50, `the ticker has ${shown.length} events`);
  assert.deepEqual(shown, shown.map((_, i) => position - i));
}

async function assertCounts() {
  await on.window.text('[data-fact="figures"]', figures);
  await on.window.page.waitForSelector(`#status[data-head="${position}"]`);
  assert.equal(Object.keys(await on.window.table("figures")).length, figures);
  assert.equal(on.servers.ask("list", "figure", "programme=ff2").length, figures);
}

test("an event that is published shows in the ticker and in the counts, without a reload", async () => {
  const { page } = on.window;
  await on.window.show({ view: "overview" });
  await assertCounts();
  await assertTicker();
  await page.evaluate(() => { window.isSamePage = true; });
  for (let i = 0; i < 3; i += 1) {
    const begun = performance.now();
    publish();
    const accepted = performance.now();
    await isShown();
    const ticked = performance.now();
    await on.window.text('[data-fact="figures"]', figures);
    const counted = performance.now();
    console.log(`# trialctl published in ${(accepted - begun).toFixed(0)} ms; then in the ticker after ${(ticked - accepted).toFixed(0)} ms, `
      + `in the counts after ${(counted - accepted).toFixed(0)} ms`);
  }
  await assertCounts();
  await assertTicker();
  assert.equal(await page.evaluate(() => window.isSamePage), true);
  assert.deepEqual(on.window.wrong, []);
});

test("the daemon is killed and comes back: the page says so, and has missed nothing", async () => {
  await on.servers.kill("daemon");
  await on.window.page.waitForSelector('#status[data-live="reconnecting"]');
  on.servers.startDaemon();
  publish();
  publish();
  await on.window.page.waitForSelector('#status[data-live="live"]');
  await isShown();
  await assertCounts();
  await assertTicker();
});

test("the gateway is killed and comes back on its port: the page says so, and has missed nothing", async () => {
  await on.servers.kill("board");
  await on.window.page.waitForSelector('#status[data-live="reconnecting"]');
  publish();
  publish();
  await on.servers.startBoard();
  await on.window.page.waitForSelector('#status[data-live="live"]');
  await isShown();
  await assertCounts();
  await assertTicker();
  publish();
  await isShown();
  await assertTicker();
});

test("both are killed: it comes back too, with more events than the ticker holds", async () => {
  await on.servers.kill("board");
  await on.servers.kill("daemon");
  await on.window.page.waitForSelector('#status[data-live="reconnecting"]');
  on.servers.startDaemon();
  for (let i = 0; i < 70; i += 1) publish();
  await on.servers.startBoard();
  await on.window.page.waitForSelector('#status[data-live="live"]');
  await isShown();
  await assertCounts();
  await assertTicker();
  assert.equal(await on.window.page.evaluate(() => window.isSamePage), true);
});

test("the gateway comes back with a ring that is too small for what was missed: it is read from the log", async () => {
  await on.servers.kill("board");
  await on.window.page.waitForSelector('#status[data-live="reconnecting"]');
  for (let i = 0; i < 6; i += 1) publish();
  await on.servers.startBoard("--ring-events", "2");
  await isShown();
  for (let i = 0; i < 6; i += 1) publish(); // faster than it is told
  await isShown();
  await assertCounts();
  await assertTicker();
  assert.equal(await on.window.page.evaluate(() => window.isSamePage), true);
});

test("the daemon has another log: the page loads everything again, and follows that one", async () => {
  const { page } = on.window;
  await on.servers.kill("daemon");
  await page.waitForSelector('#status[data-live="reconnecting"]');
  on.servers.startDaemon("another");
  on.servers.ctl("import", process.env.TRIAL_HISTORY);
  [figures, position] = [18, EVENTS];
  publish();
  await page.waitForFunction(() => window.isSamePage === undefined);
  await on.window.settled();
  await isShown();
  await assertCounts();
  await assertTicker();
  publish();
  await isShown();
  await assertCounts();
  await assertTicker();
  // What a browser itself says of a server that is away is all that went wrong.
  assert.deepEqual(on.window.wrong.filter((line) => !/^console: Failed to load resource: /.test(line)), []);
});
