// main.js - the page: its head, the view that the address names, its foot.
import { effect } from "@preact/signals";
import { render } from "preact";
import { followLog } from "./api.js";
import { Facts, Head, useProgrammes } from "./controls.js";
import { Funnel, Refusals } from "./funnel.js";
import { Deadlines, Evaluations, Exemptions, Figures, Laws, Networks, Trials } from "./lists.js";
import { Municipalities } from "./map.js";
import { Outcomes } from "./outcomes.js";
import { begin, language, state, t, theme } from "./state.js";
import { Found, Ticker } from "./ticker.js";
import { Timeline } from "./timeline.js";
import { Trial } from "./trial.js";
import { html } from "./ui.js";

const WIDGETS = {
  overview: [Facts, Funnel, Municipalities, Timeline, Networks, Deadlines, Evaluations, Outcomes, Exemptions, Figures, Laws, Ticker],
  funnel: [Facts, Funnel, Refusals],
  timeline: [Timeline, Deadlines],
  map: [Municipalities],
  networks: [Networks],
  trials: [Trials],
  trial: [Trial],
  exemptions: [Exemptions],
  outcomes: [Outcomes],
  evaluations: [Evaluations],
  deadlines: [Deadlines],
  figures: [Figures],
  laws: [Laws],
};

function Page() {
  const programmes = useProgrammes();
  const view = state.view.value in WIDGETS ? state.view.value : "overview";
  return html`<a class="skip" href="#content" onClick=${(event) => { event.preventDefault(); document.getElementById("content").focus(); }}>${t("skip")}</a>
    <${Head} programmes=${programmes} />
    <main id="content" tabindex="-1" class=${`view-${view}`}>
      ${state.q.value !== "" ? html`<${Found} />` : WIDGETS[view].map((widget) => html`<${widget} key=${widget.name} />`)}
    </main>
    <footer><p>${t("foot")} <a href="/api/v1/">/api/v1/</a> · <a href="/NOTICE.txt">${t("notices")}</a></p></footer>`;
}

begin();
effect(() => {
  document.documentElement.lang = language.value;
  document.documentElement.dataset.theme = theme.value;
  const view = t(`view.${state.view.value in WIDGETS ? state.view.value : "overview"}`);
  document.title = `${state.trial.value && state.view.value === "trial" ? state.trial.value : view} · ${t("title")}`;
});
render(html`<${Page} />`, document.getElementById("page"));
followLog();
