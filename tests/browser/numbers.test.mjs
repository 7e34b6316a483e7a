// Every number and word of fact that a table shows is the one that trialctl says, now and on earlier days.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { stage, TRIAL } from "./support.mjs";

const on = stage({ before, after });

const short = (subject) => subject.replace(/^[a-z]+\//, "");
const DAY = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };
const LOCALES = { da: "da-DK", en: "en-GB" };
const day = (text, lang = "en") => new Intl.DateTimeFormat(LOCALES[lang], DAY).format(new Date(`${text.slice(0, 10)}T00:00:00Z`));

/** A value as the page writes it. */
function written(value, lang) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return new Intl.NumberFormat(LOCALES[lang], { maximumFractionDigits: 3 }).format(value);
  return /^\d{4}-\d{2}-\d{2}(T|$)/.test(value) ? day(value, lang) : String(value);
}

/** Of each family the words that cells show for those of the log: [Danish, English]. One that is not here fails. */
const WORDS = {
  step: { submitted: ["ansøgt", "submitted"], withdrawn: ["trukket", "withdrawn"], rejected: ["afvist", "rejected"],
    endorsed: ["imødekommet", "endorsed"], approved: ["godkendt", "approved"], lapsed: ["bortfaldet", "lapsed"],
    abandoned: ["indstillet", "abandoned"], started: ["startet", "started"], completed: ["gennemført", "completed"],
    evaluated: ["evalueret", "evaluated"], assessed: ["vurderet", "assessed"] },
  reason: { "not-accommodated": ["ikke imødekommet", "not accommodated"], "already-permitted": ["allerede tilladt", "already permitted"],
    "resolved-by-general-law": ["løst ved almindelig lov", "resolved by general law"], constitution: ["grundloven", "constitution"],
    "economic-advantage": ["økonomisk fordel", "economic advantage"], "eu-law": ["EU-ret", "EU law"],
    "legal-security": ["retssikkerhed", "legal security"], "tax-area-unsuited": ["skatteområdet egner sig ikke", "tax area unsuited"] },
  network: { appointed: ["udpeget", "appointed"], dissolved: ["opløst", "dissolved"] },
  next: { "assessment.made": ["Regeringen har vurderet", "Assessment made"], "evaluation.published": ["Evaluering offentliggjort", "Evaluation published"],
    "trial.charter-published": ["Vedtægt offentliggjort", "Charter published"] },
  missing: { charter: ["vedtægt", "charter"], baseline: ["udgangspunkt", "baseline"], target: ["mål", "target"],
    "evaluation-plan": ["evalueringsplan", "evaluation plan"] },
  effect: { exempt: ["fritaget", "exempt"], modified: ["ændret regel", "modified rule"] },
  direction: { up: ["op", "up"], down: ["ned", "down"] },
  result: { reached: ["nået", "reached"], improved: ["forbedret", "improved"], worse: ["forværret", "worse"], open: ["åben", "open"],
    "no-baseline": ["intet udgangspunkt", "no baseline"], "no-target": ["intet mål", "no target"] },
  mode: { internal: ["intern", "internal"], external: ["ekstern", "external"] },
  evaluation: { planned: ["planlagt", "planned"], interim: ["foreløbig", "interim"], published: ["offentliggjort", "published"],
    discontinued: ["bortfaldet", "discontinued"] },
  conclusion: { positive: ["positiv", "positive"], mixed: ["blandet", "mixed"], negative: ["negativ", "negative"],
    inconclusive: ["uafklaret", "inconclusive"] },
  truth: { true: ["ja", "yes"], false: ["nej", "no"] },
  agrees: { true: ["✓ stemmer", "✓ agrees"], false: ["≠ afviger", "≠ differs"] },
  deadline: { overdue: ["overskredet", "overdue"], due: ["kommende", "due"] },
  kind: { target: ["mål", "target"], exemption: ["fritagelse", "exemption"], evaluation: ["evaluering", "evaluation"],
    "planned-start": ["planlagt start", "planned start"], "planned-end": ["planlagt slut", "planned end"],
    round: ["ansøgningsrunde", "application round"], "programme-end": ["programmets slut", "end of the programme"],
    "network-application": ["netværksansøgning", "network application"], "network-appointment": ["netværksudpegning", "network appointment"] },
  role: { enabling: ["gav hjemmel", "enabling"], general: ["almindelig lov", "general law"], extension: ["forlængelse", "extension"] },
  form: { act: ["lov", "act"], order: ["bekendtgørelse", "order"] },
  law: { proposed: ["foreslået", "proposed"], enacted: ["vedtaget", "enacted"], "in-force": ["i kraft", "in force"] },
  metric: { "applications.endorsed": ["ansøgninger imødekommet", "applications endorsed"],
    "applications.submitted": ["ansøgninger indsendt", "applications submitted"], "assessments.not-spread": ["vurderet: ikke udbredt", "assessed: not spread"],
    "assessments.spread-or-followed-up": ["vurderet: udbredt eller fulgt op", "assessed: spread or followed up"],
    "evaluations.external": ["eksterne evalueringer", "external evaluations"], "evaluations.external.vive": ["heraf ved VIVE", "of which by VIVE"],
    "municipalities.active": ["kommuner med", "municipalities active"], "municipalities.since-2012": ["kommuner siden 2012", "municipalities since 2012"],
    "networks.active": ["netværk i gang", "networks active"], "networks.applied": ["netværk ansøgt", "networks applied"],
    "networks.appointed": ["netværk udpeget", "networks appointed"], "trials.approved": ["forsøg godkendt", "trials approved"],
    "trials.evaluated": ["forsøg evalueret", "trials evaluated"],
    "trials.stopped-or-not-started": ["forsøg stoppet eller ikke startet", "trials stopped or not started"] },
  lane: { period: ["Periode", "Period"], rounds: ["Runder", "Rounds"], networks: ["Netværk", "Networks"], laws: ["Love", "Laws"],
    deadlines: ["Frister", "Deadlines"] },
};

/** The word of a value, or its words with commas; nothing is an empty cell. */
function translated(family, value, lang) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map((one) => translated(family, one, lang)).join(", ");
  const pair = WORDS[family][value];
  assert.ok(pair, `the test knows no word for ${family} '${value}'`);
  return pair[lang === "da" ? 0 : 1];
}

const today = () => new Date().toISOString().slice(0, 10);
const list = (view, ...where) => on.servers.ask("list", view, "programme=ff2", ...where);
const split = (row, step) => ({ step, count: row[step], ...row.provenance[step] });
const STEPS = ["submitted", "withdrawn", "rejected", "endorsed", "approved", "lapsed", "abandoned", "started", "completed",
  "evaluated", "assessed"];
/** How a trial ends in which its municipalities do not take part. */
const LEFT_OUT = ["submitted", "screened", "screened-failed", "endorsed", "withdrawn", "rejected", "lapsed", "abandoned"];

let municipalities;
const allMunicipalities = () => { municipalities ??= on.servers.ask("list", "municipality"); return municipalities; };
const namesOf = (codes) => codes.map((code) => allMunicipalities().find((row) => short(row.subject) === code).name);
const members = (row) => row.members.filter((one) => one.to === null).map((one) => one.municipality);
const subjects = (row) => row.trials.map(short).join(" ");

/** What the map shows of a municipality: the networks that it is in and the trials that it takes part in. */
const areaOf = (row) => ({ code: short(row.subject), name: row.name, networks: row.networks.filter((one) => one.programme === "ff2").map((one) => short(one.network)),
  all: row.trials.filter((one) => one.programme === "ff2"),
  trials: row.trials.filter((one) => one.programme === "ff2" && !LEFT_OUT.includes(one.state)).length });

/** Every mark of the timeline, out of the rows that it is about. */
function marks(ask) {
  const programme = ask("programme")[0];
  const found = [{ lane: "period", time: programme.periodFrom, validTo: programme.periodTo, what: programme.title, count: 1 }];
  const add = (lane, time, validTo, what, count = 1) => time && found.push({ lane, time, validTo, what, count });
  for (const round of programme.rounds) add("rounds", round.opensOn, round.deadline, String(round.round));
  for (const network of ask("network")) {
    const [from, to] = ["from", "to"].map((end) => network.members.map((one) => one[end]));
    add("networks", from.sort()[0], to.includes(null) ? programme.periodTo : to.sort().at(-1), network.name);
  }
  for (const law of ask("law")) add("laws", law.inForce ?? law.actDate, null, law.title);
  const deadlines = ask("deadline");
  for (const due of new Set(deadlines.map((row) => row.due))) {
    const rows = deadlines.filter((row) => row.due === due);
    add("deadlines", due, null, [...new Set(rows.map((row) => row.kind))], rows.length);
  }
  return found;
}

/**
 * Each table: the view of the page, what trialctl says of it, what names a row, the cells that are compared, and those
 * that show a word of a family (or what `cells` makes of a row and a language).
 * `on` is the day that is looked at, `list` asks trialctl for the rows of a view on that day.
 */
const TABLES = {
  funnel: ["funnel", (list) => STEPS.map((step) => split(list("funnel")[0], step)), (row) => row.step,
    ["count", "documented", "reconstructed", "reported"], { step: "step" }],
  refusals: ["funnel", (list) => list("refusal"), (row) => `${row.reason}/${row.ministry}/${row.round}`, ["ministry", "round", "count"],
    { reason: "reason" }],
  networks: ["networks", (list) => list("network"), (row) => short(row.subject), ["name", "theme", "submitted", "approved", "completed", "evaluated"],
    { state: "network", members: (row) => namesOf(members(row)).join(", "), network: (row) => short(row.subject) }],
  trials: ["trials", (list) => list("trial"), (row) => short(row.subject), ["title", "round", "network", "since"],
    { state: "step", next: "next", missing: "missing" }],
  exemptions: ["exemptions", (list, day) => list("exemption", `in-force=${day}`), (row) => row.exemptionId,
    ["act", "section", "ministry", "validFrom", "validTo"],
    { effect: "effect", participants: (row) => namesOf(row.participants).join(", "), trial: (row) => short(row.subject) }],
  outcomes: ["outcomes", (list) => list("outcome"), (row) => `${short(row.subject)}/${row.indicator}`,
    ["indicator", "unit", "baseline", "target", "latest", "final"], { direction: "direction", result: "result" }],
  evaluations: ["evaluations", (list) => list("evaluation"), (row) => row.evaluationId, ["evaluator", "dueBy", "publishedAt"],
    { mode: "mode", state: "evaluation", conclusion: "conclusion", recommendsSpread: "truth", trials: subjects }],
  deadlines: ["deadlines", (list) => [...list("deadline", "state=overdue"), ...list("deadline", "state=due")],
    (row) => `${row.subject}/${row.kind}/${row.what ?? ""}/${row.appliesTo ?? ""}`, ["due", "days", "subject", "what"],
    { state: "deadline", kind: "kind" }],
  figures: ["figures", (list) => list("figure"), (row) => `${row.metric}/${row.asOf}/${row.document}`, ["value", "computed", "asOf", "document"],
    { metric: "metric", agrees: "agrees" }],
  laws: ["laws", (list) => list("law"), (row) => short(row.subject), ["title", "number", "inForce"],
    { role: "role", form: "form", state: "law", trials: (row) => (row.inspiredBy?.trials ?? []).map(short).join(" ") }],
};

const asOfIn = (asOf) => (view, ...where) => list(view, ...where, ...(asOf === "" ? [] : ["--as-of", asOf]));

/** What a row's cell must show. */
const cellOf = (show, row, field, lang) => (typeof show === "function" ? show(row, lang) : translated(show, row[field], lang));

for (const [asOf, lang] of [["", "en"], ["2020-12-30", "da"]]) {
  const when = asOf === "" ? "today" : `on ${asOf}`;
  for (const [name, [view, expected, keyOf, fields, words]] of Object.entries(TABLES)) {
    test(`${name} ${when} (${lang}): the table has the rows and values of trialctl`, async () => {
      await on.window.show({ view, lang, ...(asOf === "" ? {} : { as_of: asOf }) });
      const rows = expected(asOfIn(asOf), asOf === "" ? today() : asOf);
      const table = await on.window.table(name);
      assert.deepEqual(Object.keys(table).sort(), rows.map(keyOf).sort(), `the rows of ${name}`);
      assert.ok(rows.length > 0 || asOf === "", `${name} has rows ${when}`);
      for (const row of rows) {
        const cells = table[keyOf(row)];
        for (const field of fields) assert.equal(cells[field], written(row[field], lang), `${name}, ${keyOf(row)}, ${field}`);
        for (const [field, show] of Object.entries(words)) {
          assert.equal(cells[field], cellOf(show, row, field, lang), `${name}, ${keyOf(row)}, ${field}`);
        }
      }
    });
  }
}

/** What each area of the map is drawn with. */
const areas = () => on.window.page.$$eval("svg.map path[data-code]", (paths) => Object.fromEntries(paths.map((path) => [path.dataset.code,
  { count: Number(path.dataset.count), shade: Number(/shade-(\d)/.exec(path.getAttribute("class"))[1]), isMember: path.classList.contains("member"),
    text: path.querySelector("title").textContent, fill: getComputedStyle(path).fill }])));

for (const [asOf, lang] of [["", "en"], ["2018-02-28", "da"]]) {
  test(`the map ${asOf} (${lang}): each municipality has its trials, its shade and its words`, async () => {
    await on.window.show({ view: "map", lang, ...(asOf === "" ? {} : { as_of: asOf }) });
    const rows = on.servers.ask("list", "municipality", ...(asOf === "" ? [] : ["--as-of", asOf])).map(areaOf);
    const drawn = await areas();
    const table = await on.window.table("map");
    assert.equal(Object.keys(drawn).length, 98, "municipalities of the map");
    const listed = rows.filter((row) => row.networks.length > 0 || row.all.length > 0);
    assert.deepEqual(Object.keys(table).sort(), listed.map((row) => row.code).sort());
    for (const row of listed) {
      const { name, networks, trials } = table[row.code];
      assert.deepEqual([name, networks, trials], [row.name, row.networks.join(", "), String(row.trials)], row.name);
    }
    const shades = new Map();
    for (const [code, area] of Object.entries(drawn)) {
      const row = rows.find((one) => one.code === code);
      const count = row?.trials ?? 0;
      assert.equal(area.count, count, `trials of ${area.text}`);
      assert.equal(area.isMember, (row?.networks.length ?? 0) > 0, `member: ${area.text}`);
      assert.equal(area.shade, [1, 3, 6, 10].filter((least) => count >= least).length, `the shade of ${area.text}`);
      const said = lang === "da" ? `deltager i ${count} forsøg` : `takes part in ${count} trials`;
      assert.equal(area.text.replace(/^.*: /, ""), count > 0 ? said : { da: "deltager ikke", en: "takes no part" }[lang]);
      if (row) assert.equal(area.text.replace(/: .*/, ""), row.name);
      assert.equal(shades.get(area.shade) ?? area.fill, area.fill, "one shade, one colour");
      shades.set(area.shade, area.fill);
    }
    assert.ok(shades.size > 3 && new Set(shades.values()).size === shades.size, "each shade is a colour of its own");
  });
}

/** A mark as it is drawn: its kind, where it begins and ends, its radius, what it says. */
const drawnMarks = () => on.window.page.$$eval("svg.timeline [class^='mark-']", (all) => all.map((one) => ({
  kind: one.getAttribute("class").slice(5), from: Number(one.getAttribute("x") ?? one.getAttribute("cx")), width: Number(one.getAttribute("width") ?? 0),
  text: one.querySelector("title").textContent })));
const LANE_OF = { period: "period", round: "rounds", network: "networks", law: "laws", deadline: "deadlines" };
const msOf = (text) => Date.parse(`${text.slice(0, 10)}T00:00:00Z`);

for (const [asOf, lang] of [["", "en"], ["2018-02-28", "da"]]) {
  test(`the timeline ${asOf} (${lang}): period, rounds, networks, laws and deadlines stand where they belong`, async () => {
    await on.window.show({ view: "timeline", lang, ...(asOf === "" ? {} : { as_of: asOf }) });
    const expected = marks(asOfIn(asOf)).map((mark) => ({ ...mark, what: Array.isArray(mark.what) ? translated("kind", mark.what, lang) : mark.what }));
    const rows = await on.window.page.$$eval('table[data-table="timeline"] tr[data-key]', (all) => all.map((row) => [...row.querySelectorAll("[data-field]")].map((cell) => cell.textContent)));
    const line = (mark) => [day(mark.time, lang), mark.validTo ? day(mark.validTo, lang) : "", translated("lane", mark.lane, lang), mark.what, String(mark.count)];
    assert.deepEqual(rows.map(String).sort(), expected.map((mark) => String(line(mark))).sort());
    for (const lane of Object.values(LANE_OF)) assert.ok(expected.some((mark) => mark.lane === lane), `a mark of the lane ${lane}`);
    const drawn = await drawnMarks();
    const said = (mark) => `${day(mark.time, lang)}${mark.validTo ? ` – ${day(mark.validTo, lang)}` : ""}: ${mark.what}${mark.count > 1 ? ` (${mark.count})` : ""}`;
    const [left, right] = [drawn.find((one) => one.kind === "period"), expected[0]];
    const scale = left.width / (msOf(right.validTo) - msOf(right.time)); // pixels a millisecond
    const near = (x, text, words) => assert.ok(Math.abs(x - (left.from + (msOf(text) - msOf(right.time)) * scale)) < 0.5, `${words} stands at ${x}`);
    assert.equal(drawn.length, expected.length);
    for (const mark of expected) {
      const i = drawn.findIndex((one) => LANE_OF[one.kind] === mark.lane && one.text === said(mark));
      assert.ok(i >= 0, `no mark says '${said(mark)}'`);
      const [one] = drawn.splice(i, 1);
      near(one.from, mark.time, one.text);
      if (mark.validTo) near(one.from + one.width, mark.validTo, `the end of ${one.text}`);
    }
    if (asOf !== "") near(Number(await on.window.page.getAttribute("svg.timeline line.now", "x1")), asOf, "the day that is shown");
  });
}

test("each network's card has its members, its theme and its trials by state, in both languages", async () => {
  for (const lang of ["da", "en"]) {
    await on.window.show({ view: "networks", lang });
    const cards = await on.window.page.$$eval("li[data-network]", (all) => Object.fromEntries(all.map((card) => [card.dataset.network, {
      name: card.querySelector("h3").textContent, about: card.querySelector("h3 + p").textContent, counts: [...card.querySelectorAll("a.count")].map((one) => one.textContent.trim()),
      members: card.querySelector("p.small").textContent }])));
    const networks = list("network");
    assert.equal(Object.keys(cards).length, networks.length);
    for (const row of networks) {
      const states = STEPS.filter((state) => row.trials[state] > 0).map((state) => `${row.trials[state]} ${translated("step", state, lang)}`);
      const card = cards[short(row.subject)];
      assert.deepEqual({ ...card, counts: card.counts.sort() }, { name: row.name, counts: states.sort(), members: namesOf(members(row)).join(", "),
        about: `${row.theme} · ${translated("network", row.state, lang)} · ${members(row).length} ${lang === "da" ? "medlemmer" : "members"}` });
    }
  }
});

test("exemptions in force are counted as trialctl says on the days where they change", async () => {
  const counts = new Set();
  for (const asOf of ["2017-06-30", "2017-07-01", "2022-12-31", "2023-01-01"]) {
    await on.window.show({ view: "exemptions", as_of: asOf });
    const inForce = asOfIn(asOf)("exemption", `in-force=${asOf}`).map((row) => row.exemptionId).sort();
    assert.deepEqual(Object.keys(await on.window.table("exemptions")).sort(), inForce, `in force on ${asOf}`);
    await on.window.text('[data-fact="exemptions"]', inForce.length);
    counts.add(inForce.length);
  }
  assert.equal(counts.size, 4, "each of the days has a count of its own");
});

test("evaluations are overdue from the day behind their deadline on, as trialctl says", async () => {
  const counts = [];
  for (const asOf of ["2020-12-31", "2021-01-01"]) {
    await on.window.show({ view: "evaluations", as_of: asOf });
    const of = (state) => [...new Set(asOfIn(asOf)("deadline", `state=${state}`, "kind=evaluation").map((row) => row.what))].sort(); // a row a trial
    const [late, due] = [of("overdue"), of("due")];
    await on.window.text('[data-fact="evaluations.overdue"]', late.length);
    await on.window.text('[data-fact="evaluations.due"]', due.length);
    const marked = await on.window.page.$$eval('table[data-table="evaluations"] tr[data-key]', (rows) => rows.filter((row) => row.querySelector(".late")).map((row) => row.dataset.key));
    assert.deepEqual(marked.sort(), late, `marked as overdue on ${asOf}`);
    counts.push(late.length, due.length);
  }
  assert.ok(counts[0] === 0 && counts[1] > 0 && counts[2] > 0, String(counts));
});

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

/** What a CSV has of a value: as the log has it, not as a reader wants it; lists with semicolons. */
const plain = (value) => (value === null || value === undefined ? "" : Array.isArray(value) ? value.map(plain).join("; ") : String(value));
const CSV_DAY = "2020-06-30";
/** Fields that a table makes of its rows, not the log. */
const MADE = { networks: { network: (row) => short(row.subject), members }, trials: { trial: (row) => short(row.subject) },
  exemptions: { trial: (row) => short(row.subject) }, outcomes: { trial: (row) => short(row.subject) }, laws: { trials: null } };

for (const name of [...Object.keys(TABLES), "timeline", "map"]) {
  test(`${name}: the CSV has the rows of its table, each cell as trialctl has it`, async () => {
    const { page } = on.window;
    const [view, expected, keyOf] = TABLES[name] ?? [name, name === "map" ? () => on.servers.ask("list", "municipality", "--as-of", CSV_DAY).map(areaOf) : null, (row) => row.code];
    await on.window.show({ view, as_of: CSV_DAY });
    const button = page.locator(`button[data-csv="${name}"]`);
    await button.evaluate((one) => { const details = one.closest("details"); if (details) details.open = true; });
    const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
    assert.equal(download.suggestedFilename(), `${name}.csv`);
    const [head, ...rows] = records(readFileSync(await download.path(), "utf8").replace(/^\ufeff/, ""));
    const table = await page.$$eval(`table[data-table="${name}"] tr[data-key]`, (all) => all.map((row) => ({ key: row.dataset.key,
      cells: [...row.querySelectorAll("[data-field]")].map((cell) => [cell.dataset.field, cell.textContent]) })));
    assert.equal(rows.length, table.length, `rows of ${name}.csv`);
    assert.ok(rows.length > 0, `${name} has no row on that day`);
    assert.deepEqual(head, table[0].cells.map(([field]) => field));
    const known = new Map((expected?.(asOfIn(CSV_DAY), CSV_DAY) ?? []).map((row) => [keyOf(row), row]));
    rows.forEach((row, i) => {
      assert.equal(row.length, head.length, row.join("|"));
      head.forEach((field, k) => {
        const [make, of] = [MADE[name]?.[field], known.get(table[i].key)];
        if (make === null) return;
        const wanted = of === undefined ? null : plain(make ? make(of) : of[field]);
        if (wanted !== null) assert.equal(row[k].replace(/^'(?=[=+\-@])/, ""), wanted, `${name}.csv, ${table[i].key}, ${field}`);
        else assert.equal(/^\d{4}-\d{2}-\d{2}/.test(row[k]) ? day(row[k]) : row[k], table[i].cells[k][1], `${name}.csv, ${field}`);
      });
    });
  });
}

test("nothing went wrong in the window", () => assert.deepEqual(on.window.wrong, []));
