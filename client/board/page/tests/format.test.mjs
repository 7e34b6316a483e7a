import assert from "node:assert/strict";
import { test } from "node:test";
import { briefly, countBy, csv, day, dayNumber, dayOf, matching, number, short } from "../src/format.js";

test("days and numbers as each language writes them", () => {
  assert.equal(day("en", "2018-02-28T23:30:00Z"), "28 Feb 2018");
  assert.equal(day("da", "2018-02-28"), "28. feb. 2018");
  assert.equal(day("da", "not a day"), "not a day");
  assert.equal(day("da", null), "");
  assert.equal(number("da", 1234.5), "1.234,5");
  assert.equal(number("en", 1234.5), "1,234.5");
  assert.equal(number("en", null), "");
  assert.equal(briefly("en", 600000).toUpperCase(), "600K");
});

test("a day is a number and back, over leap days and before the epoch", () => {
  for (const text of ["2016-02-29", "1900-01-01", "2100-12-31", "1970-01-01"]) assert.equal(dayOf(dayNumber(text)), text);
  assert.equal(dayNumber("2016-03-01") - dayNumber("2016-02-28"), 2);
});

test("CSV quotes what must be, and no cell is a formula", () => {
  assert.equal(csv(["a", "b"], [{ a: 'x "y", z', b: 1 }]), 'a,b\r\n"x ""y"", z",1\r\n');
  assert.equal(csv(["a"], [{ a: "=1+1" }, { a: "-5" }, { a: -5 }, { a: null }, { a: ["p", "q"] }]), "a\r\n'=1+1\r\n-5\r\n-5\r\n\r\np; q\r\n");
  assert.equal(csv(["a"], [{ a: "@x\ny" }]), "a\r\n\"'@x\ny\"\r\n");
});

test("counts come the most first", () => {
  assert.deepEqual(countBy([{ r: "b" }, { r: "a" }, { r: "b" }], "r"), [["b", 2], ["a", 1]]);
});

test("every word of a question must be found, in any case", () => {
  const rows = [{ text: "Ældre på Ærø" }, { text: "Boliger i Aarhus" }];
  assert.deepEqual(matching(rows, "ÆRØ ældre"), [rows[0]]);
  assert.deepEqual(matching(rows, "aarhus ærø"), []);
  assert.deepEqual(matching(rows, "  "), []);
});

test("the short form of a subject", () => {
  assert.equal(short("trial/ff2-018"), "ff2-018");
  assert.equal(short("ff2-018"), "ff2-018");
  assert.equal(short(null), "");
});
