// run.mjs - the tests of the page in a browser, one file behind the other; 77 and a sentence where something is missing.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

function skip(reason) {
  console.log(`skipped: ${reason}`);
  process.exit(77);
}

const isThere = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
const chromium = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(isThere);
if (!chromium || !isThere(chromium)) skip("there is no chromium; 'sh tests/install browser' installs it");
if (!existsSync(join(here, "node_modules/playwright-core"))) skip(`there is no playwright in ${here}; 'sh tests/run browser' fetches it`);

const wanted = process.argv.slice(2);
let failed = 0;
for (const name of readdirSync(here).filter((one) => one.endsWith(".test.mjs")).sort()) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
  const done = spawnSync(process.execPath, ["--test", "--test-reporter=spec", join(here, name)], { stdio: "inherit",
    env: { ...process.env, CHROMIUM: chromium } });
  if (done.status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
