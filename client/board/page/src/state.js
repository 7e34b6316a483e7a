// state.js - what the page shows, as signals and as the query of its address: a link opens it again.
import { batch, computed, signal } from "@preact/signals";
import { today } from "./format.js";
import { LANGUAGES, logWord, wordOf } from "./words.js";

export const VIEWS = ["overview", "funnel", "timeline", "map", "networks", "trials", "exemptions", "outcomes",
  "evaluations", "deadlines", "figures", "laws"];

/** The first language of the browser that we speak, or whose readers read Danish. */
const browserLanguage = () => {
  const known = (navigator.languages ?? [navigator.language]).find((name) => /^(da|nb|nn|no|en)/.test(name)) ?? "en";
  return known.startsWith("en") ? "en" : "da";
};
const browserTheme = () => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

/** The parts of the state that stand in the address, each with what it is when it does not. */
const PARTS = {
  view: "overview", programme: "", as_of: "", known_at: "", trial: "", municipality: "", network: "", state: "",
  q: "", lang: "", theme: "",
};

export const state = Object.fromEntries(Object.keys(PARTS).map((name) => [name, signal(PARTS[name])]));

export const language = computed(() => (LANGUAGES.includes(state.lang.value) ? state.lang.value : browserLanguage()));
export const theme = computed(() => (["light", "dark"].includes(state.theme.value) ? state.theme.value : browserTheme()));
/** The day that is shown. */
export const shownDay = computed(() => (state.as_of.value === "" ? today() : state.as_of.value.slice(0, 10)));
export const isPast = computed(() => state.as_of.value !== "" || state.known_at.value !== "");

/** The word of a key in the language that is shown. */
export const t = (key, values) => wordOf(language.value, key, values);
export const say = (word, family) => logWord(language.value, word, family);

/** The query of the state with some parts changed. */
export function query(changes = {}) {
  const search = new URLSearchParams();
  for (const [name, usual] of Object.entries(PARTS)) {
    const value = name in changes ? changes[name] : state[name].value;
    if (value !== usual && value !== null && value !== undefined) search.set(name, value);
  }
  const text = search.toString();
  return text === "" ? "/" : `/?${text}`;
}

function take(search) {
  const given = new URLSearchParams(search);
  batch(() => {
    for (const [name, usual] of Object.entries(PARTS)) state[name].value = given.get(name) ?? usual;
    if (state.trial.value !== "" && !given.has("view")) state.view.value = "trial";
  });
}

/** Change parts of the state; the address follows. `isSmall` writes no step into the browser's history. */
export function go(changes, isSmall = false) {
  const address = query(changes);
  batch(() => {
    for (const [name, value] of Object.entries(changes)) state[name].value = value ?? PARTS[name];
  });
  if (address !== location.pathname + location.search) {
    history[isSmall ? "replaceState" : "pushState"](null, "", address);
  }
}

/** Follow a link of the page without leaving it; modified clicks are the browser's. */
export function follow(event, changes) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(changes);
  if ("view" in changes) document.getElementById("content")?.focus();
}

export function begin() {
  take(location.search);
  addEventListener("popstate", () => take(location.search));
}
