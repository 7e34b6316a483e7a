// build.mjs - makes the files that trialboard serves: node build.mjs [--outdir=dist]
// The same sources give the same bytes. Names carry a hash of what they hold, so that a browser may
// keep them; each file has its packed form beside it.
import { build } from "esbuild";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { municipalities } from "./map.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const flag = process.argv.find((word) => word.startsWith("--outdir=")) ?? "--outdir=dist";
const out = resolve(flag.slice("--outdir=".length));

const map = {
  name: "map",
  setup(plugins) {
    plugins.onResolve({ filter: /^virtual:municipalities$/ }, () => ({ path: "municipalities", namespace: "map" }));
    plugins.onLoad({ filter: /.*/, namespace: "map" }, () => ({
      contents: JSON.stringify(municipalities()),
      loader: "json",
    }));
  },
};

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const result = await build({
  absWorkingDir: here,
  entryPoints: { page: "src/main.js", style: "src/style.css" },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2020",
  entryNames: "[name]-[hash]",
  outdir: out,
  metafile: true,
  legalComments: "none",
  plugins: [map],
  logLevel: "warning",
});

const made = Object.keys(result.metafile.outputs).map((path) => path.split("/").pop());
const find = (suffix) => made.find((name) => name.endsWith(suffix));
const html = readFileSync(join(here, "src/index.html"), "utf8")
  .replace("@style@", find(".css"))
  .replace("@page@", find(".js"));
writeFileSync(join(out, "index.html"), html);
writeFileSync(join(out, "icon.svg"), readFileSync(join(here, "src/icon.svg")));

// What is bundled, and under which licence it may be.
const used = new Set();
for (const path of Object.keys(result.metafile.inputs)) {
  const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
  if (found) used.add(found[1]);
}
used.add("react-denmark-map");
const notices = [...used].sort().map((name) => {
  const root = join(here, "node_modules", name);
  const about = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const file = readdirSync(root).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(join(root, file), "utf8").trim() : "(the package carries no licence text)";
  const what = name === "react-denmark-map" ? ": outlines of the municipalities" : "";
  return `${name} ${about.version}, ${about.license}${what}\n\n${text}\n`;
});
writeFileSync(join(out, "NOTICE.txt"), `What this page is made of beside its own code.\n\n${notices.join("\n----\n\n")}`);

let total = 0;
for (const name of readdirSync(out).sort()) {
  const packed = gzipSync(readFileSync(join(out, name)), { level: 9 });
  packed[9] = 255; // the byte that names an operating system
  writeFileSync(join(out, `${name}.gz`), packed);
  total += packed.length;
}
console.log(`${out}: ${(total / 1024).toFixed(1)} KiB packed`);
if (total > 300 * 1024) {
  console.error("the page has more than 300 KiB packed");
  process.exit(1);
}
