// controls.js - the head of the page: what is shown, for which day, and by what the log knew.
import { useEffect } from "preact/hooks";
import { head, live, useAnswer, useRows } from "./api.js";
import { day, dayNumber, dayOf, number, today } from "./format.js";
import { go, isPast, language, shownDay, state, t, theme, VIEWS } from "./state.js";
import { SearchBox } from "./ticker.js";
import { html, Link } from "./ui.js";

const DRAG_SETTLES_MS = 120;

let settling = 0;
/** While something is dragged the answer to the last place counts, not to each on the way. */
const dragged = (changes) => {
  clearTimeout(settling);
  settling = setTimeout(() => go(changes, true), DRAG_SETTLES_MS);
};

/** The programmes there are; where none is chosen, the last by its name is shown. */
export function useProgrammes() {
  const { data } = useAnswer("/api/v1/programme");
  const names = (data?.rows ?? []).map((row) => ({ id: row.programme, title: row.title, from: row.periodFrom }));
  const last = names.at(-1)?.id;
  useEffect(() => {
    if (state.programme.value === "" && last) go({ programme: last }, true);
  }, [state.programme.value, last]);
  return names;
}

function AsOf({ first }) {
  const from = dayNumber(first);
  const to = Math.max(dayNumber(today()), from + 1);
  const shown = shownDay.value;
  const set = (text) => go({ as_of: text === "" || text === today() ? "" : text });
  return html`<fieldset><legend>${t("as-of")}</legend>
    <input id="as-of" type="date" aria-label=${t("as-of")} value=${shown} max="2100-12-31" min="1900-01-01" onChange=${(event) => event.currentTarget.value && set(event.currentTarget.value)} />
    <input id="as-of-range" type="range" aria-label=${t("as-of.range")} aria-valuetext=${day(language.value, shown)} min=${from} max=${to} step="1" value=${dayNumber(shown)}
      onInput=${(event) => { const text = dayOf(Number(event.currentTarget.value)); dragged({ as_of: text >= today() ? "" : text }); }} />
    <button type="button" disabled=${state.as_of.value === ""} onClick=${() => go({ as_of: "" })}>${t("as-of.now")}</button></fieldset>`;
}

function KnownAt() {
  const last = Math.max(1, head.value);
  const shown = state.known_at.value;
  const position = /^\d+$/.test(shown) ? Number(shown) : last;
  const set = (count) => (count >= last ? { known_at: "" } : { known_at: String(Math.max(1, count)) });
  return html`<fieldset><legend>${t("known-at")}</legend>
    <input id="known-at" type="number" aria-label=${t("known-at")} min="1" max=${last} step="1" value=${/^\d*$/.test(shown) ? shown : ""} placeholder=${String(last)}
      onChange=${(event) => go(event.currentTarget.value === "" ? { known_at: "" } : set(Number(event.currentTarget.value)))} />
    <input id="known-at-range" type="range" aria-label=${t("known-at.range")} min="1" max=${last} step="1" value=${position}
      onInput=${(event) => dragged(set(Number(event.currentTarget.value)))} />
    <button type="button" disabled=${shown === ""} onClick=${() => go({ known_at: "" })}>${t("known-at.now")}</button></fieldset>`;
}

function Status() {
  const word = live.value === "live" ? t("live") : t("reconnecting");
  return html`<p id="status" role="status" data-live=${live.value} data-head=${head.value} class=${live.value}>
    <span class="dot" aria-hidden="true"></span> ${word} · ${t("position")} ${number(language.value, head.value)}</p>`;
}

export function Head({ programmes }) {
  const programme = programmes.find((one) => one.id === state.programme.value);
  const other = language.value === "da" ? "en" : "da";
  const otherTheme = theme.value === "dark" ? "light" : "dark";
  return html`<header class="top">
    <div class="brand"><h1><${Link} to=${{ view: "overview", trial: "", q: "" }}>${t("title")}<//></h1><${Status} /></div>
    <div class="tools">
      <label>${t("programme")} <select id="programme" value=${state.programme.value} onChange=${(event) => go({ programme: event.currentTarget.value, network: "", state: "" })}>
        ${programmes.map((one) => html`<option value=${one.id} selected=${one.id === state.programme.value}>${one.title} (${one.id})</option>`)}</select></label>
      <${SearchBox} />
      <button id="lang" type="button" lang=${other} onClick=${() => go({ lang: other })}>${t("language.other")}</button>
      <button id="theme" type="button" onClick=${() => go({ theme: otherTheme })}><span class="hidden">${t("theme.switch")} </span>${t(`theme.${otherTheme}`)}</button>
    </div>
    <nav aria-label=${t("nav")}><ul>${VIEWS.map((view) => html`<li><${Link} to=${{ view, trial: "", q: "" }} aria-current=${state.view.value === view ? "page" : undefined}>${t(`view.${view}`)}<//></li>`)}</ul></nav>
    <div class=${`times ${isPast.value ? "past" : ""}`}>
      <${AsOf} first=${programme?.from ?? "2011-01-01"} /><${KnownAt} />
      ${isPast.value ? html`<p class="past-note" role="status">${t("past")}</p>` : null}</div>
  </header>`;
}

/** The figures that everybody asks for first. */
export function Facts() {
  const programme = useRows("programme", { programme: state.programme.value }).rows?.[0];
  const funnel = useRows("funnel", { programme: state.programme.value }).rows?.[0];
  const facts = [
    ["municipalities.ever", programme?.municipalities?.ever, "facts.municipalities"],
    ["municipalities.active", programme?.municipalities?.active, "facts.municipalities.active"],
    ["networks.appointed", programme?.networks?.appointed, "facts.networks"],
    ["networks.active", programme?.networks?.active, "facts.networks.active"],
    ["submitted", funnel?.submitted, "facts.submitted"], ["endorsed", funnel?.endorsed, "facts.endorsed"],
    ["approved", funnel?.approved, "facts.approved"], ["evaluated", funnel?.evaluated, "facts.evaluated"],
  ];
  return html`<section class="headline" aria-label=${t("view.overview")}><dl>${facts.map(([name, value, key]) => html`
    <div><dd data-fact=${name}>${value === undefined ? "–" : number(language.value, value)}</dd><dt>${t(key)}</dt></div>`)}</dl></section>`;
}
