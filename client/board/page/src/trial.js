// trial.js - one trial: what it is, how it went, and every event of its history as it stands in the log.
import { path, useAnswer } from "./api.js";
import { day, number } from "./format.js";
import { namesOf } from "./map.js";
import { Outcomes } from "./outcomes.js";
import { language, say, state, t } from "./state.js";
import { html, KnownBy, Link, State, Widget } from "./ui.js";
import { WORDS } from "./words.js";

const HISTORY_MAX = 1024; // events of one page; a trial has some tens

const fact = (name, value) => (value === null || value === undefined || value === "" ? null
  : html`<div><dt>${t(`c.${name}`)}</dt><dd data-field=${name}>${value}</dd></div>`);

function Facts({ row }) {
  const date = (text) => (text ? day(language.value, text) : null);
  return html`<dl class="facts-list">
    ${fact("state", html`<${State} word=${row.state} />`)}
    ${fact("next", row.next ? say(row.next, "e") : null)}
    ${fact("missing", row.missing.map((word) => say(word)).join(", "))}
    ${fact("network", html`<${Link} to=${{ view: "networks", network: row.network, trial: "" }}>${row.network}<//>`)}
    ${fact("theme", row.theme)}
    ${fact("ministry", row.ministry)}
    ${fact("round", row.round)}
    ${fact("participants", namesOf(row.participants))}
    ${fact("plannedStart", date(row.plannedStart))}
    ${fact("startedOn", date(row.startedOn))}
    ${fact("plannedEnd", date(row.plannedEnd))}
    ${fact("completedOn", date(row.completedOn))}
    ${fact("assessment", row.assessment ? say(row.assessment) : null)}
    ${fact("reason", row.rejection ? say(row.rejection.reason ?? "") : null)}
  </dl>`;
}

function Exemptions({ rows }) {
  return rows.length === 0 ? null : html`<h3>${t("view.exemptions")}</h3>
    <ul class="plain">${rows.map((one) => html`<li>${one.act} ${one.section} (${say(one.effect)}), ${one.ministry},${" "}
      ${day(language.value, one.validFrom)} – ${day(language.value, one.validTo)} <${State} word=${one.state} /></li>`)}</ul>`;
}

function Evaluations({ rows }) {
  return rows.length === 0 ? null : html`<h3>${t("view.evaluations")}</h3>
    <ul class="plain">${rows.map((one) => html`<li>${say(one.mode)}, ${one.evaluator}, ${t("c.dueBy").toLocaleLowerCase()} ${day(language.value, one.dueBy)}${" "}
      <${State} word=${one.state} /> ${one.conclusion ? say(one.conclusion) : ""}</li>`)}</ul>`;
}

const field = (name) => (`c.${name}` in WORDS ? t(`c.${name}`).toLocaleLowerCase() : name);

/** What an event says, in a few words. */
const gist = (data) => Object.entries(data ?? {})
  .filter(([name, value]) => !["provenance", "cite", "datePrecision", "documentedFields"].includes(name) && typeof value !== "object")
  .map(([name, value]) => `${field(name)}: ${typeof value === "number" ? number(language.value, value) : say(String(value))}`).join(" · ");

function HistoryEvent({ event }) {
  return html`<li data-position=${event.position}>
    <p><time datetime=${event.time}>${day(language.value, event.time)}</time> <b>${say(event.type, "e")}</b> <${KnownBy} event=${event} /></p>
    <p class="small">${gist(event.data)}</p>
    <p class="small quiet">${event.source} · ${t("learnt")} ${day(language.value, event.ingesttime)} · ${t("position")} ${number(language.value, event.position)}</p>
    <details><summary>${t("raw")}</summary><pre tabindex="0">${JSON.stringify(event, null, 2)}</pre></details>
  </li>`;
}

export function Trial() {
  const id = state.trial.value;
  const answer = useAnswer(path(`trial/${encodeURIComponent(id)}`));
  const history = useAnswer(path("log", { subject: `trial/${id}`, limit: HISTORY_MAX }));
  const row = answer.data?.row;
  return html`<${Widget} name="trial" answer=${answer} aside=${html`<span class="quiet">${id}</span>`}>
    ${row ? html`<h3 class="trial-title">${row.title}</h3><${Facts} row=${row} />
      <${Exemptions} rows=${row.exemptions} /><${Evaluations} rows=${row.evaluations} />` : null}
  <//>
  <${Outcomes} trial=${id} />
  <section class="widget" data-widget="history" aria-labelledby="history-heading"><header><h2 id="history-heading">${t("history")}</h2></header>
    <ol class="history">${(history.data?.events ?? []).map((event) => html`<${HistoryEvent} key=${event.position} event=${event} />`)}</ol>
  </section>`;
}
