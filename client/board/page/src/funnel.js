// funnel.js - how far the trials got, what was lost between the steps, and why.
import { scaleLinear } from "d3-scale";
import { useRows } from "./api.js";
import { number } from "./format.js";
import { language, say, state, t } from "./state.js";
import { Data, html, Known, Widget } from "./ui.js";

/** The steps of a trial's way, each with what was lost behind it. */
export const STEPS = [
  { step: "submitted", losses: ["withdrawn", "rejected"] },
  { step: "endorsed", losses: [] },
  { step: "approved", losses: ["lapsed", "abandoned"] },
  { step: "started", losses: [] },
  { step: "completed", losses: [] },
  { step: "evaluated", losses: [] },
  { step: "assessed", losses: [] },
];
const KINDS = ["documented", "reconstructed", "reported"];
const WIDTH = 640;
const ROW = 34;
const LEFT = 118;

function Bar({ row, step, y, scale, isLoss }) {
  const split = row.provenance?.[step] ?? { reported: row[step] };
  let x = LEFT;
  const parts = KINDS.filter((kind) => split[kind] > 0).map((kind) => {
    const width = scale(split[kind]);
    const part = html`<rect x=${x} y=${y} width=${width} height=${isLoss ? 12 : 20} class=${`bar ${kind} ${isLoss ? "loss" : ""}`} />`;
    x += width;
    return part;
  });
  return html`<g>${parts}<text x=${x + 6} y=${y + (isLoss ? 10 : 15)} class=${isLoss ? "small" : "value"}>
    ${number(language.value, row[step])}${isLoss ? ` ${say(step)}` : ""}</text></g>`;
}

function Chart({ row }) {
  const most = Math.max(1, ...STEPS.map(({ step }) => row[step]));
  const scale = scaleLinear([0, most], [0, WIDTH - LEFT - 60]);
  let y = 2;
  const drawn = [];
  for (const { step, losses } of STEPS) {
    drawn.push(html`<text x=${LEFT - 8} y=${y + 15} class="label">${say(step)}</text>
      <${Bar} row=${row} step=${step} y=${y} scale=${scale} />`);
    y += ROW - 8;
    for (const loss of losses) {
      drawn.push(html`<${Bar} row=${row} step=${loss} y=${y} scale=${scale} isLoss=${true} />`);
      y += 17;
    }
    y += 4;
  }
  const summary = STEPS.map(({ step }) => `${say(step)} ${row[step]}`).join(", ");
  return html`<svg viewBox=${`0 0 ${WIDTH} ${y}`} role="img" aria-label=${`${t("funnel")}: ${summary}`} class="chart">${drawn}</svg>`;
}

export function Funnel() {
  const answer = useRows("funnel", { programme: state.programme.value });
  const row = answer.rows?.[0];
  const names = STEPS.flatMap(({ step, losses }) => [step, ...losses]);
  const rows = row ? names.map((step) => ({ step, count: row[step], ...row.provenance?.[step] })) : [];
  return html`<${Widget} name="funnel" view="funnel" answer=${answer}>
    ${row ? html`<${Chart} row=${row} />
      <p class="legend">${t("provenance")}: ${KINDS.map((kind) => html`<span class=${`badge ${kind}`}>${t(kind)}</span> `)}</p>
      <${Data} name="funnel" caption=${t("funnel")} rows=${rows} keyOf=${(one) => one.step}
        columns=${["step", "count", ...KINDS]} />` : html`<p class="quiet">${t("nothing")}</p>`}
  <//>`;
}

export function Refusals() {
  const answer = useRows("refusal", { programme: state.programme.value });
  const rows = answer.rows ?? [];
  const reasons = new Map();
  for (const row of rows) reasons.set(row.reason, (reasons.get(row.reason) ?? 0) + row.count);
  const sorted = [...reasons].sort((a, b) => b[1] - a[1]);
  const most = Math.max(1, ...sorted.map(([, count]) => count));
  const split = {};
  for (const row of rows) for (const [kind, count] of Object.entries(row.provenance?.count ?? {})) split[kind] = (split[kind] ?? 0) + count;
  return html`<${Widget} name="refusals" view="funnel" answer=${answer} aside=${html`<${Known} split=${split} />`}>
    ${sorted.length === 0 ? html`<p class="quiet">${t("nothing")}</p>` : html`<ul class="bars">${sorted.map(([reason, count]) => html`
      <li><span>${say(reason)}</span><meter min="0" max=${most} value=${count} aria-label=${say(reason)}>${count}</meter><b>${count}</b></li>`)}</ul>
    <${Data} name="refusals" caption=${t("refusals")} rows=${rows} keyOf=${(row) => `${row.reason}/${row.ministry}/${row.round}`}
      columns=${["reason", "ministry", "round", "count"]} />`}
  <//>`;
}
