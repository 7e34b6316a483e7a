// Every word has both languages, and the log says nothing that the page has no word for.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LANGUAGES, logWord, WORDS, wordOf } from "../src/words.js";

const here = dirname(fileURLToPath(import.meta.url));
const rows = process.env.TRIAL_ROWS; // the directory of the project's .def files

test("a word has all languages, and none is empty", () => {
  for (const [key, pair] of Object.entries(WORDS)) {
    assert.equal(pair.length, LANGUAGES.length, key);
    for (const word of pair) assert.ok(word.trim().length > 0, key);
  }
});

test("a word that is asked for is there", () => {
  for (const name of readdirSync(join(here, "../src")).filter((one) => one.endsWith(".js"))) {
    const source = readFileSync(join(here, "../src", name), "utf8");
    for (const [, key] of source.matchAll(/\bt\("([^"]+)"/g)) assert.ok(key in WORDS, `${name}: ${key}`);
    for (const [, key] of source.matchAll(/\$\{Widget\} name="([^"]+)"/g)) assert.ok(key in WORDS, `${name}: ${key}`);
    for (const [, list] of source.matchAll(/columns=\$\{\[([\s\S]*?)\]\}/g)) {
      for (const [, column] of list.matchAll(/(?:^|,\s*)"([A-Za-z]+)"(?=\s*(?:,|$))/g)) assert.ok(`c.${column}` in WORDS, `${name}: c.${column}`);
      for (const [, column] of list.matchAll(/name: "([A-Za-z]+)"/g)) assert.ok(`c.${column}` in WORDS, `${name}: c.${column}`);
    }
  }
});

test("values stand in the place of their names", () => {
  assert.equal(wordOf("en", "left.days", { n: 3 }), "in 3 days");
  assert.equal(wordOf("da", "left.days", { n: 3 }), "om 3 dage");
  assert.equal(wordOf("en", "no such key"), "no such key");
  assert.equal(logWord("da", "a free text"), "a free text");
  assert.equal(logWord("da", null), "");
});

test("every event type and every choice of the catalogue has its words", { skip: !rows && "TRIAL_ROWS is not set" }, () => {
  const events = readFileSync(join(rows, "events.def"), "utf8");
  const types = [...events.matchAll(/^EVENT\(\w+,\s*\w+,\s*"([^"]+)"/gm)].map((found) => found[1]);
  assert.ok(types.length > 40);
  for (const type of types) assert.ok(`e.${type}` in WORDS, `e.${type}`);
  const choices = [...readFileSync(join(rows, "choices.def"), "utf8").replace(/\/\*[\s\S]*?\*\//g, "").matchAll(/WORD\(\w+,\s*\w+,\s*"([^"]+)"\)/g)].map((found) => found[1]);
  assert.ok(choices.length > 80);
  for (const word of choices) assert.ok(`w.${word}` in WORDS, `w.${word}`);
});
