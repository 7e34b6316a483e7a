// Every number and word of fact that a table shows is the one that trialctl says, now and on earlier days.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { stage, TRIAL } from "./support.mjs";

const on = stage({ before, after });

const short = (subject) => subject.replace(/^[a-z]+\//, "");
const day = (text) => new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" })
  .format(new Date(`${text.slice(0, 10)}T00:00:00Z`));

/** A value as the page writes it in English. */
function written(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return new Intl.NumberFormat("en-GB", { maximumFractionDigits: 3 }).format(value);
  return /^\d{4}-\d{2}-\d{2}(T|$)/.test(value) ? day(value) : String(value);
}

const today = () => new Date().toISOString().slice(0, 10);
const list = (view, ...where) => on.servers.ask("list", view, "programme=ff2", ...where);
const split = (row, step) => ({ step, count: row[step], ...row.provenance[step] });
const STEPS = ["submitted", "withdrawn", "rejected", "endorsed", "approved", "lapsed", "abandoned", "started", "completed",
  "evaluated", "assessed"];

/**
 * Each table: the view of the page, what trialctl says of it, what names a row, and the cells that are compared.
 * `on` is the day that is looked at, `list` asks trialctl for the rows of a view on that day.
 */
const TABLES = {
  funnel: ["funnel", (list) => STEPS.map((step) => split(list("funnel")[0], step)), (row) => row.step,
    ["count", "documented", "reconstructed", "reported"]],
  refusals: ["funnel", (list) => list("refusal"), (row) => `${row.reason}/${row.ministry}/${row.round}`, ["ministry", "round", "count"]],
  networks: ["networks", (list) => list("network"), (row) => short(row.subject), ["name", "theme", "submitted", "approved", "completed", "evaluated"]],
  trials: ["trials", (list) => list("trial"), (row) => short(row.subject), ["title", "round"]],
  exemptions: ["exemptions", (list, day) => list("exemption", `in-force=${day}`), (row) => row.exemptionId,
    ["act", "section", "ministry", "validFrom", "validTo"]],
  outcomes: ["outcomes", (list) => list("outcome"), (row) => `${short(row.subject)}/${row.indicator}`,
    ["indicator", "unit", "baseline", "target", "latest", "final"]],
  evaluations: ["evaluations", (list) => list("evaluation"), (row) => row.evaluationId, ["evaluator", "dueBy", "publishedAt"]],
  deadlines: ["deadlines", (list) => [...list("deadline", "state=overdue"), ...list("deadline", "state=due")],
    (row) => `${row.subject}/${row.kind}/${row.what ?? ""}/${row.appliesTo ?? ""}`, ["due", "days"]],
  figures: ["figures", (list) => list("figure"), (row) => `${row.metric}/${row.asOf}/${row.document}`, ["value", "computed", "asOf", "document"]],
  laws: ["laws", (list) => list("law"), (row) => short(row.subject), ["title", "number", "inForce"]],
};

for (const asOf of ["", "2020-12-30"]) {
  const when = asOf === "" ? "today" : `on ${asOf}`;
  const ask = (view, ...where) => list(view, ...where, ...(asOf === "" ? [] : ["--as-of", asOf]));
  for (const [name, [view, expected, keyOf, fields]] of Object.entries(TABLES)) {
    test(`${name} ${when}: the table has the rows and values of trialctl`, async () => {
      await on.window.show({ view, ...(asOf === "" ? {} : { as_of: asOf }) });
      const rows = expected(ask, asOf === "" ? today() : asOf);
      const table = await on.window.table(name);
      assert.deepEqual(Object.keys(table).sort(), rows.map(keyOf).sort(), `the rows of ${name}`);
      assert.ok(rows.length > 0 || asOf === "", `${name} has rows ${when}`);
      for (const row of rows) {
        for (const field of fields) assert.equal(table[keyOf(row)][field], written(row[field]), `${name}, ${keyOf(row)}, ${field}`);
      }
    });
  }
}

test("outcomes are counted by result as trialctl has them", async () => {
  await on.window.show({ view: "outcomes" });
  const counts = {};
  for (const row of list("outcome")) counts[`outcomes.${row.result}`] = (counts[`outcomes.${row.result}`] ?? 0) + 1;
  const shown = await on.window.page.$$eval('[data-widget="outcomes"] [data-fact]', (facts) => Object.fromEntries(facts.map((one) => [one.dataset.fact, Number(one.textContent)])));
  assert.deepEqual(shown, counts);
  assert.ok(Object.keys(counts).length > 1);
});

test("on an earlier day deadlines, evaluations and exemptions are counted as trialctl says", async () => {
  const asOf = ["--as-of", "2020-12-30"];
  await on.window.show({ view: "overview", as_of: "2020-12-30" });
  const overdue = on.servers.ask("list", "deadline", "programme=ff2", "state=overdue", ...asOf);
  const due = on.servers.ask("list", "deadline", "programme=ff2", "state=due", ...asOf);
  assert.ok(due.length > 0);
  await on.window.text('[data-fact="deadlines.overdue"]', overdue.length);
  await on.window.text('[data-fact="deadlines.due"]', due.length);
  const evaluations = on.servers.ask("list", "evaluation", "programme=ff2", ...asOf);
  const published = evaluations.filter((row) => row.state === "published").length;
  assert.ok(published > 0 && published < evaluations.length);
  await on.window.text('[data-fact="evaluations.published"]', published);
  const exemptions = on.servers.ask("list", "exemption", "programme=ff2", "in-force=2020-12-30", ...asOf);
  await on.window.text('[data-fact="exemptions"]', exemptions.length);
});

test("a trial shows its whole history, in the order of the log", async () => {
  await on.window.show({ view: "trial", trial: TRIAL });
  const history = on.servers.ctl("log", `--subject=trial/${TRIAL}`, "--json").trim().split("\n").map((line) => JSON.parse(line));
  assert.ok(history.length > 5);
  await on.window.page.waitForSelector("ol.history > li");
  assert.deepEqual(await on.window.page.$$eval("ol.history > li", (items) => items.map((item) => Number(item.dataset.position))),
    history.map((event) => event.position));
});

const FACTS = ["municipalities.ever", "networks.appointed", "submitted", "endorsed", "municipalities.active", "networks.active",
  "approved", "evaluated"];

/** What the head of the overview must say on a day: by trialctl and by what was published. */
async function assertFacts(asOf, known) {
  const programme = on.servers.ask("list", "programme", "programme=ff2", ...(asOf ? ["--as-of", asOf] : []))[0];
  const funnel = on.servers.ask("funnel", "ff2", ...(asOf ? ["--as-of", asOf] : []));
  for (const name of FACTS) {
    const [group, part] = name.split(".");
    const value = part ? programme[group][part] : funnel[name];
    if (name in known) assert.equal(value, known[name], `${name} on ${asOf}`);
    await on.window.text(`[data-fact="${name}"]`, value);
  }
}

test("dragging back in time shows what was so on those days", async () => {
  const { page } = on.window;
  await on.window.show({ view: "overview" });
  await assertFacts("", { "municipalities.ever": 44, "networks.appointed": 8, submitted: 107, endorsed: 79, approved: 79, evaluated: 57 });
  await page.fill("#as-of", "2018-02-28");
  await page.dispatchEvent("#as-of", "change");
  await assertFacts("2018-02-28", { "municipalities.ever": 44, "networks.appointed": 8, submitted: 107, endorsed: 79 });
  assert.equal(new URL(page.url()).searchParams.get("as_of"), "2018-02-28");
  await page.fill("#as-of-range", String(Date.parse("2021-01-14T00:00:00Z") / 86400000));
  await assertFacts("2021-01-14", { "municipalities.active": 38, "networks.active": 7, approved: 79, evaluated: 57 });
  assert.equal(await page.inputValue("#as-of"), "2021-01-14");
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("#as-of").value !== "2021-01-14");
});

test("what the log knew at a position is what trialctl says of it", async () => {
  const { page } = on.window;
  await on.window.show({ view: "overview" });
  await page.fill("#known-at", "500");
  await page.dispatchEvent("#known-at", "change");
  const funnel = on.servers.ask("funnel", "ff2", "--known-at=500");
  assert.ok(funnel.submitted < 107 && funnel.submitted > 0);
  await on.window.text('[data-fact="submitted"]', funnel.submitted);
  await on.window.text('[data-fact="approved"]', funnel.approved);
  assert.equal(await page.inputValue("#known-at-range"), "500");
});

/** Records of a CSV text, RFC 4180. */
function records(text) {
  const fields = [...text.matchAll(/("(?:[^"]|"")*"|[^,\r\n]*)(,|\r\n|$)/g)].slice(0, -1);
  const rows = [[]];
  for (const [, field, end] of fields) {
    rows.at(-1).push(field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field);
    if (end === "\r\n") rows.push([]);
  }
  return rows.filter((row) => row.length > 0);
}

for (const name of [...Object.keys(TABLES), "timeline", "map"]) {
  test(`${name}: the CSV has the rows of its table`, async () => {
    const { page } = on.window;
    await on.window.show({ view: TABLES[name]?.[0] ?? name, as_of: "2020-06-30" });
    const button = page.locator(`button[data-csv="${name}"]`);
    await button.evaluate((one) => { const details = one.closest("details"); if (details) details.open = true; });
    const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
    assert.equal(download.suggestedFilename(), `${name}.csv`);
    const [head, ...rows] = records(readFileSync(await download.path(), "utf8").replace(/^\ufeff/, ""));
    const fields = await page.$$eval(`table[data-table="${name}"] tbody tr:first-child [data-field]`, (cells) => cells.map((cell) => cell.dataset.field));
    const count = await page.locator(`table[data-table="${name}"] tr[data-key]`).count();
    assert.equal(rows.length, count, `rows of ${name}.csv`);
    assert.ok(count > 0, `${name} has no row on that day`);
    assert.deepEqual(head, fields);
    for (const row of rows) assert.equal(row.length, head.length, row.join("|"));
  });
}

test("nothing went wrong in the window", () => assert.deepEqual(on.window.wrong, []));
