import assert from "node:assert/strict";
import { test } from "node:test";
import { municipalities, rings } from "../map.mjs";

test("all 98 municipalities are there, each with an outline inside the map", () => {
  const { width, height, areas } = municipalities();
  assert.equal(areas.length, 98);
  assert.equal(new Set(areas.map((area) => area.name)).size, 98);
  for (const area of areas) {
    assert.match(area.code, /^0\d{3}$/);
    assert.match(area.path, /^M\d+ \d+l/, area.name);
    const [, x, y] = /^M(\d+) (\d+)/.exec(area.path).map(Number);
    assert.ok(x <= width && y <= height, area.name);
  }
  assert.equal(areas.find((area) => area.code === "0751").name, "Aarhus");
});

test("outlines with relative, absolute and curved steps", () => {
  assert.deepEqual(rings("M0 0l10 0l0 10z"), [[[0, 0], [10, 0], [10, 10]]]);
  assert.deepEqual(rings("M1,1H5V5h-4z m2 2 l1 1"), [[[1, 1], [5, 1], [5, 5], [1, 5]], [[3, 3], [4, 4]]]);
  assert.deepEqual(rings("M0 0c1 1 2 2 3 3"), [[[0, 0], [3, 3]]]);
  assert.throws(() => rings("M0 0a1 1 0 0 0 2 2"), /command 'a'/);
});
