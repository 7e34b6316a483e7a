// map.mjs - the outlines of Denmark's municipalities, taken out of react-denmark-map and made small:
// { width, height, areas: [{ code, name, path }] } with codes of four digits.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const GRID = 12; // of the package's units: a point of the outline moves by at most half of it
const LEAST = 1; // points closer than this, in units of the grid, are one

// Names that the package spells otherwise than the municipalities do.
const NAMES = { "0751": "Aarhus", "0430": "Faaborg-Midtfyn", "0169": "Høje-Taastrup", "0480": "Nordfyns" };

const COUNT = 98;

/** The rings of an SVG path, as points. Curves are drawn as lines to where they end. */
export function rings(path) {
  const tokens = path.match(/[a-zA-Z]|-?\d*\.?\d+(?:e-?\d+)?/g) ?? [];
  const made = [];
  let at = 0;
  let command = "";
  let [x, y, startX, startY] = [0, 0, 0, 0];
  const next = () => Number(tokens[at++]);
  const skipped = { c: 4, s: 2, q: 2 };

  while (at < tokens.length) {
    if (/[a-zA-Z]/.test(tokens[at])) command = tokens[at++];
    const kind = command.toLowerCase();
    const isRelative = command === kind;
    if (kind === "z") {
      [x, y] = [startX, startY];
      continue;
    }
    at += skipped[kind] ?? 0;
    if (!"mlhvcsq".includes(kind)) throw new Error(`an outline has the command '${command}'`);
    const [fromX, fromY] = isRelative ? [x, y] : [0, 0];
    if (kind !== "v") x = fromX + next();
    if (kind !== "h") y = fromY + next();
    if (kind === "m") {
      [startX, startY] = [x, y];
      made.push([]);
      command = isRelative ? "l" : "L";
    }
    made[made.length - 1].push([x, y]);
  }
  return made;
}

function small(ring) {
  const kept = [];
  for (const [x, y] of ring) {
    const point = [Math.round(x / GRID), Math.round(y / GRID)];
    const last = kept[kept.length - 1];
    if (!last || Math.abs(last[0] - point[0]) + Math.abs(last[1] - point[1]) > LEAST) kept.push(point);
  }
  return kept;
}

function drawn(points) {
  let [x, y] = points[0];
  let path = `M${x} ${y}`;
  for (const [nextX, nextY] of points.slice(1)) {
    path += `l${nextX - x} ${nextY - y}`;
    [x, y] = [nextX, nextY];
  }
  return `${path}z`;
}

/** Every municipality by its code. Fails where the package does not hold all of them. */
export function municipalities() {
  const file = join(dirname(createRequire(import.meta.url).resolve("react-denmark-map/package.json")), "dist/esm/index.js");
  const source = readFileSync(file, "utf8");
  const areas = new Map();
  let [right, bottom] = [0, 0];

  for (const [text] of source.matchAll(/\{[^{}]*\bd:"[^"]+"[^{}]*\}/g)) {
    const field = (name) => new RegExp(`[{,]${name}:"([^"]*)"`).exec(text)?.[1];
    const short = field("code") ?? "";
    if (!/^\d{3}$/.test(short)) continue;
    const code = `0${short}`;
    const outline = rings(field("d")).map(small).filter((ring) => ring.length > 2);
    for (const [x, y] of outline.flat()) [right, bottom] = [Math.max(right, x), Math.max(bottom, y)];
    areas.set(code, { code, name: NAMES[code] ?? field("display_name"), path: outline.map(drawn).join("") });
  }
  if (areas.size !== COUNT) throw new Error(`the map has ${areas.size} municipalities, not ${COUNT}`);
  const sorted = [...areas.values()].sort((a, b) => a.code.localeCompare(b.code));
  return { width: right + 1, height: bottom + 1, areas: sorted };
}
