// The page itself: links that open the same again, the keyboard, a narrow window, words, and no request elsewhere.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { shot, stage, TRIAL, VIEWS } from "./support.mjs";

const on = stage({ before, after });

afterEach(() => {
  assert.deepEqual(on.window.wrong.splice(0), []);
});

const stateOf = (view) => ({ view, ...(view === "trial" ? { trial: TRIAL } : {}) });

/** What a page shows, without what moves with the clock. */
const shown = () => on.window.page.evaluate(() => document.querySelector("main").innerText);

test("the link of each view opens it, and its address opens the same again", async () => {
  const { page } = on.window;
  await on.window.show({ theme: "dark", as_of: "2019-06-30" });
  const links = await page.$$eval("nav a", (all) => all.map((link) => link.getAttribute("href")));
  assert.deepEqual(links.map((link) => new URLSearchParams(link.slice(2)).get("view") ?? "overview").sort(),
    VIEWS.filter((view) => view !== "trial").sort());
  for (let i = 0; i < links.length; i += 1) {
    await page.locator("nav a").nth(i).click();
    await on.window.settled();
    assert.equal(await page.locator('nav a[aria-current="page"]').getAttribute("href"), links[i].replace(/#.*/, ""));
    const [address, title, text] = [page.url(), await page.title(), await shown()];
    assert.equal(address, new URL(links[i], address).href);
    await page.goto(address);
    await on.window.settled();
    assert.deepEqual([await page.title(), await page.inputValue("#as-of"), await page.getAttribute("html", "data-theme"), await page.getAttribute("html", "lang")],
      [title, "2019-06-30", "dark", "en"]);
    await page.waitForFunction((wanted) => document.querySelector("main").innerText === wanted, text);
  }
});

test("each link inside a view is one that opens what it says", async () => {
  const { page } = on.window;
  await on.window.show({ view: "trials" });
  const link = page.locator('table[data-table="trials"] tr[data-key] a').first();
  const name = (await link.textContent()).trim();
  const there = new URL(await link.getAttribute("href"), page.url()).href;
  await link.click();
  await on.window.settled();
  assert.equal(page.url(), there);
  assert.equal(new URL(there).searchParams.get("trial"), name);
  const text = await shown();
  await page.goto(there);
  await on.window.settled();
  await page.waitForFunction((wanted) => document.querySelector("main").innerText === wanted, text);
  await page.goBack();
  await page.waitForSelector('table[data-table="trials"]');
});

test("what is searched for is found, stands in the address, and leads there", async () => {
  const { page } = on.window;
  await on.window.show();
  await page.fill("#search", TRIAL);
  await on.window.text('[data-widget="search"] [data-fact="found"]', "1");
  assert.equal(new URL(page.url()).searchParams.get("q"), TRIAL);
  await page.locator('[data-widget="search"] li a').click();
  await page.waitForSelector('[data-widget="trial"]');
  assert.equal(new URL(page.url()).searchParams.get("trial"), TRIAL);
});

test("language and theme are switched, stay, and stand in the address", async () => {
  const { page } = on.window;
  await on.window.show({ theme: "light" });
  await page.click("#lang");
  await page.waitForSelector('html[lang="da"]');
  await page.click("#theme");
  await page.waitForSelector('html[data-theme="dark"]');
  await page.reload();
  await page.waitForSelector('html[lang="da"][data-theme="dark"]');
  await page.click("#lang");
  await page.waitForSelector('html[lang="en"]');
});

/** Walk by the tabulator through the whole page; how often each control was reached, by its place in the document. */
async function walk() {
  const { page } = on.window;
  const wanted = await page.evaluate(() => {
    const isReachable = (one) => !one.disabled && one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true });
    const all = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")].filter(isReachable);
    all.forEach((one, i) => { one.dataset.stop = i; });
    return all.length;
  });
  await page.evaluate(() => { document.activeElement.blur(); });
  const order = [];
  for (let i = 0; i < wanted + 20; i += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => document.activeElement?.dataset?.stop ?? null);
    if (stop === null && order.length > 0) break;
    if (stop !== null) order.push(Number(stop));
  }
  return { wanted, order };
}

test("the tabulator reaches every control, in the order of the page, and the first is the skip link", async () => {
  const { page } = on.window;
  for (const view of ["funnel", "networks", "figures"]) {
    await on.window.show(stateOf(view));
    const { wanted, order } = await walk();
    const stops = order.filter((stop, i) => stop !== order[i - 1]); // a date has several parts
    assert.deepEqual(stops, Array.from({ length: wanted }, (_, i) => i), `stops of ${view}`);
  }
  await on.window.show();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  const box = await page.locator("a.skip").boundingBox();
  assert.ok(box && box.x >= 0 && box.y >= 0 && box.height > 10, "the skip link is seen when it has the focus");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.querySelector("main").contains(document.activeElement)), "behind it comes what is in main");
});

test("what has the focus is seen to have it", async () => {
  const { page } = on.window;
  await on.window.show({ view: "funnel" });
  for (const selector of ["nav a", "#programme", "#search", "#lang", "#theme", "#as-of", "#as-of-range", "#known-at", "summary"]) {
    await page.focus(selector);
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Tab"); // so that it has the focus by the keyboard
    const has = await page.evaluate(() => { const style = getComputedStyle(document.activeElement); return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0; });
    assert.ok(has, `${selector} shows no outline`);
  }
});

test("in a window of 360 px no view scrolls sideways", async () => {
  const { page } = on.window;
  await page.setViewportSize({ width: 360, height: 720 });
  const wide = [];
  for (const view of VIEWS) {
    for (const lang of ["da", "en"]) {
      await on.window.show({ ...stateOf(view), lang });
      await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
      const found = await page.evaluate(() => ({
        width: document.documentElement.scrollWidth,
        what: [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll, svg"))
          .slice(0, 3).map((one) => `${one.tagName}.${one.getAttribute("class")}`),
      }));
      if (found.width > 360) wide.push(`${view} (${lang}): ${found.width} px, ${found.what}`);
    }
    await shot(page, `narrow-${view}`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  assert.deepEqual(wide, []);
});

/** What paper would lose: text that is cut off, beside the sheet, behind a closed lid, too faint, or a link not there. */
const lost = () => on.window.page.evaluate(() => {
  const name = (one) => `${one.tagName.toLowerCase()}.${one.getAttribute("class")} '${one.textContent.trim().slice(0, 40)}'`;
  const light = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const all = [...document.querySelectorAll("main *, header.top *")].filter((one) => one.checkVisibility() && !one.closest(".hidden, svg"));
  const found = [];
  for (const one of all) {
    const style = getComputedStyle(one);
    const isBox = style.display !== "inline" && style.display !== "contents" && !["INPUT", "METER"].includes(one.tagName);
    if (isBox && style.overflow !== "visible" && (one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1)) found.push(`cut: ${name(one)}`);
    if (one.getBoundingClientRect().right > innerWidth + 1) found.push(`beside the sheet: ${name(one)}`);
    const hasText = [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (hasText && 1.05 / (light(style.color) + 0.05) < 4.5) found.push(`faint on white (${style.color}): ${name(one)}`);
  }
  for (const link of document.querySelectorAll("main a:not(.anchor)")) {
    const inLid = link.closest("details:not([open])");
    if (!inLid && (!link.checkVisibility() || link.getBoundingClientRect().width === 0)) found.push(`no link: ${name(link)}`);
  }
  return { found: found.slice(0, 6), links: document.querySelectorAll("main a:not(.anchor)").length };
});

test("on paper nothing is cut, every link is shown, and what is dark on a screen is not", async () => {
  const { page } = on.window;
  const wrong = [];
  let links = 0;
  await page.setViewportSize({ width: 718, height: 1047 }); // A4 in portrait, without its margins
  await page.emulateMedia({ media: "print" });
  for (const view of ["timeline", "map", "networks", "trial", "exemptions", "outcomes", "evaluations", "figures"]) { // all that others are made of
    await on.window.show({ ...stateOf(view), theme: "dark", lang: "da", as_of: "2020-12-30" });
    await page.evaluate(() => document.querySelectorAll("details:not(.history *)").forEach((one) => { one.open = true; }));
    const { found, links: count } = await lost();
    wrong.push(...found.map((line) => `${view}: ${line}`));
    links += count;
    for (const selector of ["nav", ".tools", ".data button", '.times input[type="range"]', "footer", ".skip"]) {
      for (const one of await page.locator(selector).all()) if (await one.isVisible()) wrong.push(`${view} prints ${selector}`);
    }
    await shot(page, `print-${view}`);
  }
  await page.emulateMedia({ media: "screen" });
  await page.setViewportSize({ width: 1280, height: 800 });
  assert.deepEqual(wrong, []);
  assert.ok(links > 100, `${links} links`);
});

/** A key of the page's words: c.title, view.map, as-of.now; and what a mistake leaves. */
const KEY = /(^|[\s(])((c|w|e|view|facts|lane|theme|language|map|as-of|known-at|search|error|none|late|left)\.[a-z][A-Za-z.-]*|m\.[a-z]{4,}[a-z.-]*|undefined|NaN|null|\[object Object\]|Invalid Date|\{n\})(?=$|[\s),:;])/;

test("no view shows a key in the place of a word, in either language", async () => {
  const { page } = on.window;
  const found = [];
  for (const view of VIEWS) {
    const texts = {};
    for (const lang of ["da", "en"]) {
      await on.window.show({ ...stateOf(view), lang });
      texts[lang] = await page.evaluate(() => [document.title, ...[...document.querySelectorAll("body *")].flatMap((one) => [
        ...[...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && !one.closest("pre")).map((node) => node.data),
        ...["aria-label", "aria-valuetext", "title", "placeholder", "alt"].map((name) => one.getAttribute(name)).filter(Boolean)])]
        .map((text) => text.trim()).filter(Boolean));
      for (const text of texts[lang]) if (KEY.test(text)) found.push(`${view} (${lang}): ${text.slice(0, 80)}`);
      assert.equal(await page.getAttribute("html", "lang"), lang);
    }
    const headings = (lang) => texts[lang][0];
    assert.notEqual(headings("da"), headings("en"), `${view} has one title in both languages`);
  }
  assert.deepEqual([...new Set(found)], []);
});

test("an address of nonsense shows the page, and says what is wrong with it", async () => {
  const { page } = on.window;
  await page.goto(on.servers.address({ view: "no-such-view", lang: "xx", theme: "pink" }));
  await on.window.settled();
  await page.waitForSelector('section[data-widget="funnel"]');
  await page.goto(on.servers.address({ view: "trial", trial: "ff2-999" }));
  await page.waitForSelector('[role="alert"]');
  on.window.wrong = on.window.wrong.filter((line) => !/Failed to load resource.*404/.test(line));
});
