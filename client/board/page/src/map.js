// map.js - the municipalities, coloured by how many trials they take part in.
import map from "virtual:municipalities";
import { useRows } from "./api.js";
import { short } from "./format.js";
import { go, state, t } from "./state.js";
import { Data, html, Link, State, TrialLink, Widget } from "./ui.js";

/** Shades: how many trials each begins with. */
export const SHADES = [1, 3, 6, 10];
export const shadeOf = (count) => SHADES.filter((least) => count >= least).length;

const TAKES_PART = new Set(["approved", "running", "suspended", "completed", "evaluated", "assessed"]);

/** Of a municipality's row what belongs to one programme. */
export function partOf(row, programme) {
  const isOf = (one) => programme === "" || one.programme === programme;
  const trials = (row.trials ?? []).filter(isOf);
  return {
    code: short(row.subject),
    name: row.name,
    networks: (row.networks ?? []).filter(isOf),
    all: trials,
    trials: trials.filter((trial) => TAKES_PART.has(trial.state)),
  };
}

function Area({ area, part }) {
  const count = part?.trials.length ?? 0;
  const text = `${area.name}: ${count > 0 ? t("map.in", { n: count }) : t("map.out")}`;
  const isChosen = state.municipality.value === area.code;
  return html`<path d=${area.path} class=${`area shade-${shadeOf(count)} ${part?.networks.length > 0 ? "member" : ""} ${isChosen ? "chosen" : ""}`}
    data-code=${area.code} data-count=${count} onClick=${() => go({ municipality: isChosen ? "" : area.code })}><title>${text}</title></path>`;
}

function Chosen({ part }) {
  return html`<div class="chosen-part" aria-live="polite"><h3>${part.name} <span class="quiet">${part.code}</span></h3>
    ${part.networks.length > 0 ? html`<p>${part.networks.map((one) => html`<${Link} to=${{ view: "networks", network: one.network }}>${one.name}<//> `)}</p>` : null}
    <ul class="plain">${part.all.map((trial) => html`<li><${TrialLink} id=${trial.trial}>${trial.title}<//> <${State} word=${trial.state} /></li>`)}</ul>
    ${part.all.length === 0 ? html`<p class="quiet">${t("map.out")}</p>` : null}</div>`;
}

export function Municipalities() {
  const answer = useRows("municipality");
  const parts = new Map((answer.rows ?? []).map((row) => {
    const part = partOf(row, state.programme.value);
    return [part.code, part];
  }));
  const rows = [...parts.values()].filter((part) => part.networks.length > 0 || part.all.length > 0)
    .map((part) => ({ code: part.code, name: part.name, networks: part.networks.map((one) => short(one.network)), trials: part.trials.length }))
    .sort((a, b) => a.name.localeCompare(b.name, "da"));
  const chosen = state.municipality.value && (parts.get(state.municipality.value)
    ?? { code: state.municipality.value, name: map.areas.find((area) => area.code === state.municipality.value)?.name ?? "", networks: [], all: [], trials: [] });
  const choose = (row) => html`<${Link} to=${{ municipality: row.code }}>${row.name}<//>`;
  return html`<${Widget} name="map" view="map" answer=${answer}>
    <div class="map-and-text">
      <svg viewBox=${`0 0 ${map.width} ${map.height}`} class="map" role="img" aria-label=${`${t("map")}: ${rows.length}`}>
        ${map.areas.map((area) => html`<${Area} key=${area.code} area=${area} part=${parts.get(area.code)} />`)}
      </svg>
      <div>
        <p class="legend">${t("map.legend")}: ${["0", ...SHADES.map((least, i) => (i + 1 < SHADES.length ? `${least}–${SHADES[i + 1] - 1}` : `${least}+`))].map(
          (text, i) => html`<span class="shade"><svg width="14" height="14" aria-hidden="true"><rect width="14" height="14" class=${`area shade-${i}`} /></svg> ${text}</span> `)}</p>
        ${chosen ? html`<${Chosen} part=${chosen} />` : html`<p class="quiet">${t("map.choose")}</p>`}
      </div>
    </div>
    <${Data} name="map" caption=${t("map")} rows=${rows} keyOf=${(row) => row.code}
      columns=${[{ name: "name", cell: choose }, "code", "networks", "trials"]} />
  <//>`;
}

/** The name of a municipality by its code, as the map has it. */
export const nameOf = (code) => map.areas.find((area) => area.code === code)?.name ?? code;
export const namesOf = (codes) => (codes ?? []).map(nameOf).join(", ");
