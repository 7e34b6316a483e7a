// lists.js - networks, exemptions, evaluations, deadlines, figures, laws: a row each, or a few.
import { useRows } from "./api.js";
import { day, number, short } from "./format.js";
import { namesOf } from "./map.js";
import { language, say, shownDay, state, t } from "./state.js";
import { Data, html, Known, Link, State, TrialLink, useFirst, Widget } from "./ui.js";

const STATES = ["submitted", "screened", "screened-failed", "endorsed", "approved", "running", "suspended", "completed",
  "evaluated", "assessed", "withdrawn", "rejected", "lapsed", "abandoned"];
const OVERVIEW_ROWS = 8;
const isAlone = (view) => state.view.value === view;

function ByState({ trials }) {
  const total = Object.values(trials).reduce((sum, count) => sum + count, 0);
  const parts = STATES.filter((word) => trials[word] > 0);
  const text = parts.map((word) => `${trials[word]} ${say(word)}`).join(", ");
  let x = 0;
  return html`<svg viewBox="0 0 100 8" preserveAspectRatio="none" class="stack" role="img" aria-label=${text}><title>${text}</title>
    ${parts.map((word) => {
      const width = (trials[word] * 100) / total;
      const part = html`<rect x=${x} y="0" width=${width} height="8" class=${`fill-${word}`} />`;
      x += width;
      return part;
    })}</svg>`;
}

export function Networks() {
  const answer = useRows("network", { programme: state.programme.value });
  const rows = (answer.rows ?? []).map((row) => ({ ...row, network: short(row.subject),
    isChosen: short(row.subject) === state.network.value, members: row.members.filter((one) => one.to === null).map((one) => one.municipality) }));
  return html`<${Widget} name="networks" view="networks" answer=${answer}>
    <ul class="cards">${rows.map((row) => html`<li key=${row.network} class=${row.isChosen ? "chosen" : ""} data-network=${row.network}>
      <h3>${row.name}</h3>
      <p class="quiet">${row.theme} · <${State} word=${row.state} /> · ${row.members.length} ${t("c.members").toLocaleLowerCase()}</p>
      <${ByState} trials=${row.trials} />
      <p>${STATES.filter((word) => row.trials[word] > 0).map((word) => html`<${Link} class="count" to=${{ view: "trials", network: row.network, state: word }}>
        ${row.trials[word]} ${say(word)}<//> `)}</p>
      ${isAlone("networks") ? html`<p class="small">${namesOf(row.members)}</p>
        <${Known} split=${row.provenance?.submitted} />
        ${row.knowledge.length > 0 ? html`<ul class="plain small">${row.knowledge.map((one) => html`<li>${day(language.value, one.heldOn)}: ${say(one.kind)}, ${one.title}</li>`)}</ul>` : null}` : null}
    </li>`)}</ul>
    <${Data} name="networks" caption=${t("networks")} rows=${rows} keyOf=${(row) => row.network}
      columns=${["network", "name", "theme", "state", { name: "members", cell: (row) => namesOf(row.members) }, "submitted", "approved", "completed", "evaluated"]} />
  <//>`;
}

export function Exemptions() {
  const on = shownDay.value;
  const answer = useRows("exemption", { programme: state.programme.value, "in-force": on });
  const rows = (answer.rows ?? []).map((row) => ({ ...row, trial: short(row.subject) }));
  return html`<${Widget} name="exemptions" view="exemptions" answer=${answer}
      aside=${html`<span class="quiet"><b data-fact="exemptions">${number(language.value, rows.length)}</b> · ${day(language.value, on)}</span>`}>
    <${Data} name="exemptions" caption=${t("exemptions")} rows=${rows} isOpen=${isAlone("exemptions")} keyOf=${(row) => row.exemptionId}
      columns=${["exemptionId", { name: "trial", cell: (row) => html`<${TrialLink} id=${row.trial} />` }, "act", "section", "ministry", "effect",
        { name: "participants", cell: (row) => namesOf(row.participants) }, "validFrom", "validTo"]} />
  <//>`;
}

export function Evaluations() {
  const answer = useRows("evaluation", { programme: state.programme.value });
  const on = shownDay.value;
  const isLate = (row) => ["planned", "interim"].includes(row.state) && row.dueBy !== null && row.dueBy < on;
  const rows = (answer.rows ?? []).map((row) => ({ ...row, isLate: isLate(row) }))
    .sort((a, b) => Number(b.isLate) - Number(a.isLate) || String(a.dueBy).localeCompare(String(b.dueBy)));
  const late = rows.filter((row) => row.isLate).length;
  const open = rows.filter((row) => ["planned", "interim"].includes(row.state)).length - late;
  const published = rows.filter((row) => row.state === "published").length;
  return html`<${Widget} name="evaluations" view="evaluations" answer=${answer}>
    <p class="facts"><span class=${late > 0 ? "late" : ""}><b data-fact="evaluations.overdue">${late}</b> ${t("overdue")}</span>
      <span><b data-fact="evaluations.due">${open}</b> ${t("due")}</span>
      <span><b data-fact="evaluations.published">${published}</b> ${say("published")}</span></p>
    <${Data} name="evaluations" caption=${t("evaluations")} rows=${rows} isOpen=${isAlone("evaluations")} keyOf=${(row) => row.evaluationId}
      columns=${[{ name: "evaluationId", cell: (row) => short(row.evaluationId) }, "mode", "evaluator", "state",
        { name: "dueBy", cell: (row) => html`<span class=${row.isLate ? "late" : ""}>${day(language.value, row.dueBy)}</span>` },
        "publishedAt", "conclusion", "recommendsSpread",
        { name: "trials", cell: (row) => row.trials.map((id) => html`<${TrialLink} id=${id} /> `) }]} />
  <//>`;
}

export function Deadlines() {
  const programme = state.programme.value;
  const late = useRows("deadline", { programme, state: "overdue" });
  const soon = useRows("deadline", { programme, state: "due" });
  const rows = [...(late.rows ?? []), ...(soon.rows ?? [])].sort((a, b) => a.due.localeCompare(b.due) || a.subject.localeCompare(b.subject));
  const [first, more] = useFirst(rows, isAlone("deadlines") ? 200 : OVERVIEW_ROWS);
  return html`<${Widget} name="deadlines" view="deadlines" answer=${late.error ? late : soon.rows && late.rows ? late : soon}>
    <p class="facts"><span class=${late.rows?.length > 0 ? "late" : ""}><b data-fact="deadlines.overdue">${late.rows?.length ?? 0}</b> ${t("overdue")}</span>
      <span><b data-fact="deadlines.due">${soon.rows?.length ?? 0}</b> ${t("due")}</span></p>
    <ul class="plain">${first.map((row) => html`<li class=${row.state === "overdue" ? "late" : ""}>
      <time datetime=${row.due}>${day(language.value, row.due)}</time> ${say(row.kind)}${row.what ? ` ${short(row.what)}` : ""},
      ${" "}${row.subject.startsWith("trial/") ? html`<${TrialLink} id=${short(row.subject)} />` : short(row.subject)}
      <span class="quiet"> ${t(row.days < 0 ? "late.days" : "left.days", { n: Math.abs(row.days) })}</span></li>`)}</ul>${more}
    <${Data} name="deadlines" caption=${t("deadlines")} rows=${rows} keyOf=${(row) => `${row.subject}/${row.kind}/${row.what ?? ""}/${row.appliesTo ?? ""}`}
      columns=${["due", "state", "days", "kind", "subject", "what"]} />
  <//>`;
}

export function Figures() {
  const answer = useRows("figure", { programme: state.programme.value });
  const rows = [...(answer.rows ?? [])].sort((a, b) => a.asOf.localeCompare(b.asOf) || a.metric.localeCompare(b.metric));
  const differ = rows.filter((row) => row.agrees === false).length;
  const agrees = (row) => (row.computed === null ? html`<span class="quiet">${t("unknown")}</span>`
    : html`<span class=${row.agrees ? "good" : "late"}>${row.agrees ? "✓ " : "≠ "}${t(row.agrees ? "agrees" : "differs")}</span>`);
  return html`<${Widget} name="figures" view="figures" answer=${answer}>
    <p class="facts"><span><b data-fact="figures">${rows.length}</b> ${t("view.figures").toLocaleLowerCase()}</span>
      <span class=${differ > 0 ? "late" : ""}><b data-fact="figures.differ">${differ}</b> ${t("differs")}</span></p>
    <${Data} name="figures" caption=${t("figures")} rows=${rows} isOpen=${true} keyOf=${(row) => `${row.metric}/${row.asOf}/${row.document}`}
      columns=${[{ name: "metric", cell: (row) => say(row.metric, "m") }, "value", "computed", { name: "agrees", cell: agrees, isText: true }, "asOf", "document"]} />
  <//>`;
}

export function Laws() {
  const answer = useRows("law", { programme: state.programme.value });
  const rows = [...(answer.rows ?? [])].sort((a, b) => String(a.inForce ?? a.actDate ?? "9").localeCompare(String(b.inForce ?? b.actDate ?? "9")));
  return html`<${Widget} name="laws" view="laws" answer=${answer}>
    <${Data} name="laws" caption=${t("laws")} rows=${rows} isOpen=${true} keyOf=${(row) => short(row.subject)}
      columns=${["title", "role", "form", "state", "number", "inForce",
        { name: "trials", cell: (row) => (row.inspiredBy?.trials ?? []).map((id) => html`<${TrialLink} id=${id} /> `) }]} />
  <//>`;
}

export function Trials() {
  const answer = useRows("trial", { programme: state.programme.value, network: state.network.value, state: state.state.value });
  const rows = (answer.rows ?? []).map((row) => ({ ...row, trial: short(row.subject) }));
  const chosen = [["network", state.network.value], ["state", state.state.value]].filter(([, value]) => value !== "");
  return html`<${Widget} name="trials" view="trials" answer=${answer} aside=${html`<span class="quiet"><b data-fact="trials">${rows.length}</b></span>`}>
    ${chosen.length > 0 ? html`<p>${chosen.map(([name, value]) => html`<span class="badge">${t(`c.${name}`)}: ${say(value)}</span> `)}
      <${Link} to=${{ network: "", state: "" }}>${t("all")}<//></p>` : null}
    <${Data} name="trials" caption=${t("trials")} rows=${rows} isOpen=${isAlone("trials")} keyOf=${(row) => row.trial}
      columns=${[{ name: "trial", cell: (row) => html`<${TrialLink} id=${row.trial} />` }, "title", "network", "round",
        { name: "state", cell: (row) => html`<${State} word=${row.state} />` },
        { name: "next", cell: (row) => (row.next ? say(row.next, "e") : "") }, "missing", "since"]} />
  <//>`;
}
