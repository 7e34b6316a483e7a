// ui.js - what every widget stands in: a heading with its link, a chart, and the table behind it.
import { html } from "htm/preact";
import { useId, useState } from "preact/hooks";
import { csv, day, number } from "./format.js";
import { follow, language, query, say, state, t } from "./state.js";

export { html };

/** A link that changes parts of the state. */
export function Link({ to, children, ...rest }) {
  return html`<a href=${query(to)} onClick=${(event) => follow(event, to)} ...${rest}>${children}</a>`;
}

export function TrialLink({ id, children }) {
  return html`<${Link} to=${{ view: "trial", trial: id }}>${children ?? id}<//>`;
}

function download(name, text) {
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

const shown = (value) => {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return number(language.value, value);
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (Array.isArray(value)) return value.map(shown).join(", ");
  return /^\d{4}-\d{2}-\d{2}(T|$)/.test(value) ? day(language.value, value) : say(value);
};

/**
 * A table of rows.
 *
 * columns  [name or { name, cell(row), isText }]; a name is a field of the rows and c.NAME its heading.
 * keyOf    what names a row.
 */
export function Table({ name, columns, rows, keyOf, caption }) {
  const all = columns.map((column) => {
    const whole = typeof column === "string" ? { name: column } : column;
    return { ...whole, isNumber: !whole.isText && rows.some((row) => typeof row[whole.name] === "number") };
  });
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${`${t("data")}: ${caption}`}>
    <table data-table=${name}>
      <caption class="hidden">${caption}</caption>
      <thead><tr>${all.map((column) => html`<th scope="col" class=${column.isNumber ? "number" : ""}>${t(`c.${column.name}`)}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr data-key=${keyOf(row)} key=${keyOf(row)}>${all.map((column, i) => {
        const text = column.cell ? column.cell(row) : shown(row[column.name]);
        const isDay = typeof row[column.name] === "string" && /^\d{4}-\d{2}-\d{2}/.test(row[column.name]);
        const kind = column.isNumber ? "number" : isDay ? "day" : "";
        return i === 0
          ? html`<th scope="row" data-field=${column.name} class=${kind}>${text}</th>`
          : html`<td data-field=${column.name} class=${kind}>${text}</td>`;
      })}</tr>`)}</tbody>
    </table>
  </div>`;
}

/** The table behind a chart, with its CSV. `isOpen`: the table is what is shown. */
export function Data({ name, columns, rows, keyOf, caption, isOpen }) {
  const names = columns.map((column) => (typeof column === "string" ? column : column.name));
  const button = html`<button type="button" data-csv=${name} onClick=${() => download(name, csv(names, rows))}>${t("csv")}</button>`;
  const table = html`<${Table} ...${{ name, columns, rows, keyOf, caption }} />`;
  return isOpen
    ? html`<div class="data">${rows.length > 0 ? table : html`<p class="quiet">${t("nothing")}</p>`}${button}</div>`
    : html`<details class="data"><summary>${t("data")} <span class="quiet">(${rows.length})</span></summary>${table}${button}</details>`;
}

/**
 * A widget: its heading, a link to it alone, and what it shows; while the answer is not there, that.
 *
 * answer  { rows or data, error, isLoading } of useRows() or useAnswer().
 */
export function Widget({ name, view, answer, children, aside }) {
  const id = useId();
  const isThere = !answer || answer.rows || answer.data;
  return html`<section class="widget" data-widget=${name} aria-labelledby=${id} aria-busy=${answer?.isLoading ? "true" : "false"}>
    <header><h2 id=${id}>${t(name)}</h2>${aside}
      ${view && state.view.value !== view ? html`<${Link} to=${{ view }} class="anchor" aria-label=${`${t("link")}: ${t(name)}`}>#<//>` : null}</header>
    ${answer?.error ? html`<p role="alert" class="error">${t("error")}: ${answer.error}. ${t("error.next")}</p>` : null}
    ${isThere ? children : answer.error ? null : html`<p class="quiet">${t("loading")}</p>`}
  </section>`;
}

/** The first rows, and a button for the rest. */
export function useFirst(rows, most) {
  const [isWhole, setWhole] = useState(false);
  const more = !isWhole && rows.length > most
    ? html`<button type="button" class="more" onClick=${() => setWhole(true)}>${t("more")} (${rows.length})</button>`
    : null;
  return [isWhole ? rows : rows.slice(0, most), more];
}

/** How facts are known: of each kind so many, told apart by pattern and not by colour alone. */
export function Known({ split }) {
  const kinds = ["documented", "reconstructed", "reported"].filter((kind) => split?.[kind] > 0);
  return kinds.length === 0 ? null : html`<span class="known">${kinds.map(
    (kind) => html`<span class=${`badge ${kind}`}>${number(language.value, split[kind])} ${t(kind)}</span> `)}</span>`;
}

/** How one event is known. */
export function KnownBy({ event }) {
  const kind = event.data?.provenance ?? "reported";
  return html`<span class=${`badge ${kind}`} title=${event.data?.cite ?? ""}>${t(kind)}</span>`;
}

export function State({ word }) {
  return html`<span class=${`state s-${word}`}>${say(word)}</span>`;
}
