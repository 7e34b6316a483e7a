// ticker.js - the newest events of the log as they come, and the search over what there is.
import { ticker, useRows } from "./api.js";
import { day, matching, number, short } from "./format.js";
import { go, language, say, state, t } from "./state.js";
import { html, KnownBy, Link, TrialLink, Widget } from "./ui.js";

const FOUND_MAX = 40;

export function subjectLink(subject) {
  const id = short(subject);
  if (subject.startsWith("trial/")) return html`<${TrialLink} id=${id} />`;
  if (subject.startsWith("network/")) return html`<${Link} to=${{ view: "networks", network: id }}>${id}<//>`;
  if (subject.startsWith("municipality/")) return html`<${Link} to=${{ view: "map", municipality: id }}>${id}<//>`;
  return id;
}

export function Ticker() {
  return html`<${Widget} name="ticker" view="">
    <ol id="ticker" aria-live="polite" aria-relevant="additions" aria-label=${t("ticker")} tabindex="0">${ticker.value.map((event) => html`
      <li key=${event.position} data-position=${event.position}><time datetime=${event.time}>${day(language.value, event.time)}</time>
        <b>${say(event.type, "e")}</b> ${subjectLink(event.subject)} <${KnownBy} event=${event} />
        <span class="quiet small">${number(language.value, event.position)}</span></li>`)}</ol>
  <//>`;
}

/** Rows of the views as what can be found: { kind, text, label, to }. */
export function findable(trials, networks, municipalities, laws) {
  return [
    ...trials.map((row) => ({ kind: "view.trials", label: `${short(row.subject)} ${row.title}`, to: { view: "trial", trial: short(row.subject) },
      text: `${row.subject} ${row.title} ${row.theme} ${row.ministry} ${row.exemptions.map((one) => `${one.act} ${one.section}`).join(" ")}` })),
    ...networks.map((row) => ({ kind: "view.networks", label: row.name, to: { view: "networks", network: short(row.subject) }, text: `${row.subject} ${row.name} ${row.theme}` })),
    ...municipalities.map((row) => ({ kind: "view.map", label: row.name, to: { view: "map", municipality: short(row.subject) }, text: `${row.subject} ${row.name} ${row.names?.join(" ")} ${row.region}` })),
    ...laws.map((row) => ({ kind: "view.laws", label: row.title, to: { view: "laws" }, text: `${row.subject} ${row.title} ${row.number ?? ""}` })),
  ];
}

export function Found() {
  const trials = useRows("trial");
  const networks = useRows("network");
  const municipalities = useRows("municipality");
  const laws = useRows("law");
  const found = matching(findable(trials.rows ?? [], networks.rows ?? [], municipalities.rows ?? [], laws.rows ?? []), state.q.value);
  return html`<${Widget} name="search" answer=${trials} aside=${html`<span class="quiet" role="status"><b data-fact="found">${found.length}</b></span>`}>
    ${found.length === 0 ? html`<p class="quiet">${t("search.none")}</p>` : html`<ul class="plain">${found.slice(0, FOUND_MAX).map((one) => html`
      <li><span class="badge">${t(one.kind)}</span> <${Link} to=${{ q: "", ...one.to }}>${one.label}<//></li>`)}</ul>`}
  <//>`;
}

export function SearchBox() {
  return html`<form role="search" onSubmit=${(event) => event.preventDefault()}>
    <label class="hidden" for="search">${t("search")}</label>
    <input id="search" type="search" placeholder=${t("search.hint")} value=${state.q.value} autocomplete="off"
      onInput=${(event) => go({ q: event.currentTarget.value }, state.q.value !== "")} /></form>`;
}
