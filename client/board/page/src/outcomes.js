// outcomes.js - baseline, target and result of every indicator, as small multiples.
import { scaleLinear } from "d3-scale";
import { useRows } from "./api.js";
import { briefly, countBy, number, short } from "./format.js";
import { go, language, say, state, t } from "./state.js";
import { Data, html, State, TrialLink, useFirst, Widget } from "./ui.js";

const WIDTH = 220;
const MARGIN = 16;
const RESULTS = ["reached", "improved", "unchanged", "worse", "open", "no-baseline", "no-target", "no-final-measurement"];

/** One indicator: a line from the baseline to what was measured last, and where the target lies. */
export function Multiple({ row }) {
  const measured = row.final ?? row.latest;
  const points = [row.baseline, row.target, measured].filter((value) => typeof value === "number");
  if (points.length === 0) return html`<p class="quiet small">${t("nothing")}</p>`;
  const scale = scaleLinear([Math.min(0, ...points), Math.max(...points, 0)], [MARGIN, WIDTH - MARGIN]).nice(3);
  const has = (value) => typeof value === "number";
  const text = [["c.baseline", row.baseline], ["c.target", row.target], [row.final === null ? "c.latest" : "c.final", measured]]
    .filter(([, value]) => has(value)).map(([key, value]) => `${t(key)} ${number(language.value, value)}`).join(", ");
  return html`<svg viewBox=${`0 0 ${WIDTH} 44`} class="multiple" role="img" aria-label=${`${row.indicator}: ${text} ${row.unit}`}>
    <title>${text}</title>
    <line x1=${MARGIN} x2=${WIDTH - MARGIN} y1="26" y2="26" class="axis" />
    ${scale.ticks(3).map((tick) => html`<g><line x1=${scale(tick)} x2=${scale(tick)} y1="26" y2="30" class="axis" />
      <text x=${scale(tick)} y="41" class="tick">${briefly(language.value, tick)}</text></g>`)}
    ${has(row.baseline) && has(measured) ? html`<line x1=${scale(row.baseline)} x2=${scale(measured)} y1="14" y2="14" class=${`change r-${row.result}`} />` : null}
    ${has(row.target) ? html`<line x1=${scale(row.target)} x2=${scale(row.target)} y1="4" y2="26" class="target" />` : null}
    ${has(row.baseline) ? html`<circle cx=${scale(row.baseline)} cy="14" r="4" class="baseline" />` : null}
    ${has(measured) ? html`<circle cx=${scale(measured)} cy="14" r="5" class=${`measured r-${row.result}`} />` : null}
  </svg>`;
}

export function Outcomes({ trial }) {
  const parameters = trial ? { subject: `trial/${trial}` } : { programme: state.programme.value };
  const answer = useRows("outcome", parameters);
  const all = (answer.rows ?? []).map((row) => ({ ...row, trial: short(row.subject) }));
  const wanted = trial ? "" : state.state.value;
  const counts = new Map(countBy(all, "result"));
  const chosen = all.filter((row) => !RESULTS.includes(wanted) || row.result === wanted);
  const [first, more] = useFirst(chosen, state.view.value === "overview" ? 8 : 24);
  return html`<${Widget} name="outcomes" view="outcomes" answer=${answer}>
    <p class="facts">${RESULTS.filter((word) => counts.has(word)).map((word) => html`
      <button type="button" class=${`pick r-${word}`} aria-pressed=${wanted === word ? "true" : "false"} disabled=${Boolean(trial)}
        onClick=${() => go({ view: "outcomes", state: wanted === word ? "" : word })}>
        <b data-fact=${`outcomes.${word}`}>${counts.get(word)}</b> ${say(word)}</button> `)}</p>
    <p class="legend small"><span class="mark baseline"></span> ${t("c.baseline")} <span class="mark measured"></span> ${t("c.latest")} <span class="mark target"></span> ${t("c.target")}</p>
    <ul class="multiples">${first.map((row) => html`<li key=${`${row.trial}/${row.indicator}`}>
      <h3>${row.indicator} <span class="quiet">${row.unit}</span></h3><${Multiple} row=${row} />
      <p class="small">${trial ? null : html`<${TrialLink} id=${row.trial} /> `}<${State} word=${row.result} /></p></li>`)}</ul>${more}
    <${Data} name="outcomes" caption=${t("outcomes")} rows=${chosen} keyOf=${(row) => `${row.trial}/${row.indicator}`}
      columns=${[{ name: "trial", cell: (row) => html`<${TrialLink} id=${row.trial} />` }, "indicator", "unit", "baseline", "target", "latest", "final", "direction", "result"]} />
  <//>`;
}
