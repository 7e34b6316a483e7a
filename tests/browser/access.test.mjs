// axe finds nothing against the page: each view, in both languages and both themes, with all that can be opened open.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import AxeBuilder from "@axe-core/playwright";
import { shot, stage, TRIAL, VIEWS } from "./support.mjs";

const on = stage({ before, after });

async function violations() {
  const { violations: found } = await new AxeBuilder({ page: on.window.page }).setLegacyMode().analyze();
  return found.map((one) => `${one.id} (${one.impact}): ${one.help}; ${one.nodes.length} times, first ${one.nodes[0].target}: ${one.nodes[0].any[0]?.message ?? one.nodes[0].html.slice(0, 160)}`);
}

const open = () => on.window.page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));

/** Light Danish, dark Danish, dark English, light English: by the buttons of the page. */
const SWITCHES = [["#theme", "html[data-theme=dark]"], ["#lang", "html[lang=en]"], ["#theme", "html[data-theme=light]"]];

for (const view of VIEWS) {
  test(`${view}: axe finds nothing in both languages and both themes`, async () => {
    const { page } = on.window;
    await on.window.show({ view, lang: "da", theme: "light", ...(view === "trial" ? { trial: TRIAL } : {}) });
    await open();
    const found = await violations();
    for (const [button, wanted] of SWITCHES) {
      await page.click(button);
      await page.waitForSelector(wanted);
      await shot(page, `${view}-${await page.getAttribute("html", "lang")}-${await page.getAttribute("html", "data-theme")}`);
      found.push(...(await violations()).map((line) => `${wanted}: ${line}`));
    }
    assert.deepEqual(found, []);
  });
}

for (const theme of ["light", "dark"]) {
  test(`looking back, searching, a municipality and a failed answer, ${theme}: axe finds nothing`, async () => {
    for (const state of [{ as_of: "2019-06-30", known_at: "900" }, { q: "bolig" }, { view: "map", municipality: "0265" },
      { view: "trials", network: "ff2-bolig", state: "approved" }, { view: "trial", trial: "ff2-999" }]) {
      await on.window.show({ theme, ...state });
      assert.deepEqual(await violations(), [], JSON.stringify(state));
    }
  });
}

test("nothing went wrong in the window", () => {
  assert.deepEqual(on.window.wrong.filter((line) => !/Failed to load resource.*404/.test(line)), []);
});
