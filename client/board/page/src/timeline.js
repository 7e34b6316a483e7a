// timeline.js - the course of a programme: period, rounds, networks, laws and deadlines on one axis,
// with the day that the page shows drawn through all of them.
import { scaleUtc } from "d3-scale";
import { useRows } from "./api.js";
import { countBy, day, short } from "./format.js";
import { go, language, say, shownDay, state, t } from "./state.js";
import { Data, html, Widget } from "./ui.js";

const WIDTH = 960;
const LEFT = 92;
const LANE = 30;
const at = (text) => new Date(`${text.slice(0, 10)}T00:00:00Z`);

/** What stands on the axis: { lane, kind, from, to, text }; `to` is null where it is one day. */
export function marksOf(programme, networks, laws, deadlines) {
  const marks = [];
  const add = (lane, kind, from, to, text, weight = 1) => from && marks.push({ lane, kind, from, to, text, weight });
  if (programme) {
    add("period", "period", programme.periodFrom, programme.periodTo, programme.title);
    for (const round of programme.rounds) add("rounds", "round", round.opensOn, round.deadline, String(round.round));
  }
  for (const network of networks) {
    const from = network.members.map((one) => one.from).filter(Boolean).sort()[0];
    const left = network.members.map((one) => one.to);
    add("networks", "network", from, left.length > 0 && left.every(Boolean) ? left.sort().at(-1) : programme?.periodTo ?? null, network.name);
  }
  for (const law of laws) add("laws", "law", law.inForce ?? law.actDate, null, law.title);
  for (const [due, count] of countBy(deadlines, "due")) {
    add("deadlines", "deadline", due, null, deadlines.filter((row) => row.due === due).map((row) => say(row.kind))
      .filter((word, i, all) => all.indexOf(word) === i).join(", "), count);
  }
  return marks;
}

function Marks({ marks, scale, top }) {
  return marks.map((mark, i) => {
    const x = scale(at(mark.from));
    const text = `${day(language.value, mark.from)}${mark.to ? ` – ${day(language.value, mark.to)}` : ""}: ${mark.text}${mark.weight > 1 ? ` (${mark.weight})` : ""}`;
    if (mark.to) {
      const isStacked = mark.kind === "network";
      const y = top + (isStacked ? (i * (LANE - 8)) / marks.length : 6);
      const height = isStacked ? Math.max(2, (LANE - 8) / marks.length - 1) : LANE - 14;
      return html`<rect x=${x} y=${y} width=${Math.max(2, scale(at(mark.to)) - x)} height=${height} class=${`mark-${mark.kind}`}><title>${text}</title></rect>
        ${mark.kind === "round" ? html`<text x=${x + 4} y=${y + 12} class="on-mark">${mark.text}</text>` : null}`;
    }
    return html`<circle cx=${x} cy=${top + LANE / 2 - 1} r=${Math.min(9, 3 + Math.sqrt(mark.weight))} class=${`mark-${mark.kind}`}><title>${text}</title></circle>`;
  });
}

export function Timeline() {
  const name = state.programme.value;
  const programmes = useRows("programme", { programme: name });
  const networks = useRows("network", { programme: name });
  const laws = useRows("law", { programme: name });
  const deadlines = useRows("deadline", { programme: name });
  const programme = programmes.rows?.[0];
  const marks = marksOf(programme, networks.rows ?? [], laws.rows ?? [], deadlines.rows ?? []);
  const days = marks.flatMap((mark) => [mark.from, mark.to]).filter(Boolean).map((text) => text.slice(0, 10)).sort();
  const lanes = ["period", "rounds", "networks", "laws", "deadlines"];
  const height = lanes.length * LANE + 26;
  const shown = shownDay.value;
  const scale = days.length > 0 ? scaleUtc([at(days[0]), at(days.at(-1))], [LEFT, WIDTH - 16]).nice() : null;
  const isInside = scale && at(shown) >= scale.domain()[0] && at(shown) <= scale.domain()[1];
  const rows = [...marks].sort((a, b) => a.from.localeCompare(b.from))
    .map((mark) => ({ time: mark.from, validTo: mark.to, kind: t(`lane.${mark.lane}`), what: mark.text, count: mark.weight }));
  const choose = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const x = ((event.clientX - box.left) * WIDTH) / box.width;
    if (x >= LEFT) go({ as_of: scale.invert(x).toISOString().slice(0, 10) });
  };
  return html`<${Widget} name="timeline" view="timeline" answer=${programmes}>
    ${scale ? html`<svg viewBox=${`0 0 ${WIDTH} ${height}`} class="chart timeline" role="img" aria-label=${`${t("timeline")}: ${day(language.value, days[0])} – ${day(language.value, days.at(-1))}`} onClick=${choose}>
      ${scale.ticks(8).map((tick) => html`<g><line x1=${scale(tick)} x2=${scale(tick)} y1="0" y2=${height - 20} class="grid" />
        <text x=${scale(tick)} y=${height - 5} class="tick">${tick.getUTCMonth() === 0 ? tick.getUTCFullYear() : day(language.value, tick.toISOString()).replace(/ \d{4}$/, "")}</text></g>`)}
      ${lanes.map((lane, i) => html`<g><text x="4" y=${i * LANE + 18} class="lane">${t(`lane.${lane}`)}</text>
        <${Marks} marks=${marks.filter((mark) => mark.lane === lane)} scale=${scale} top=${i * LANE} /></g>`)}
      ${isInside ? html`<line x1=${scale(at(shown))} x2=${scale(at(shown))} y1="0" y2=${height - 20} class="now" />` : null}
    </svg>
    <${Data} name="timeline" caption=${t("timeline")} rows=${rows} keyOf=${(row) => `${row.time}/${row.kind}/${short(row.what)}`}
      columns=${["time", "validTo", "kind", "what", "count"]} />` : html`<p class="quiet">${t("nothing")}</p>`}
  <//>`;
}
