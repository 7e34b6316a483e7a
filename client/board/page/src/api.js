// api.js - what is asked of the gateway: answers that follow the state and the log, and the stream
// of events.
import { effect, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { state } from "./state.js";

const RETRY_MS = 2000;   // a question that got no answer is asked again so much later
const SILENCE_MS = 5000; // heartbeats come each second: without any for so long the stream is broken
const SETTLE_MS = 250;   // events that come together are one reason to ask again
export const TICKER_EVENTS = 60;

export const live = signal("reconnecting");
export const head = signal(0);
/** The newest events, the newest first. */
export const ticker = signal([]);
/** Counts up when the log has grown: answers made before are asked for again. */
const tick = signal(0);

/** A path of the API with the times of the state and parameters of its own. */
export function path(view, parameters = {}, hasTimes = true) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== "" && value !== undefined) search.set(name, value);
  if (hasTimes && state.as_of.value !== "") search.set("as_of", state.as_of.value);
  if (hasTimes && state.known_at.value !== "") search.set("known_at", state.known_at.value);
  const text = search.toString();
  return `/api/v1/${view}${text === "" ? "" : `?${text}`}`;
}

/** What is known of each path: { signal of { data, error, isLoading }, tick it rests on, users }. */
const answers = new Map();

async function ask(address, answer) {
  const asked = tick.peek();
  answer.asked = asked;
  answer.isAsking = true;
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    const body = await response.json();
    if (!response.ok) throw new Error(body.error?.message ?? response.statusText);
    answer.state.value = { data: body, error: null, isLoading: false };
  } catch (error) {
    answer.state.value = { ...answer.state.peek(), error: String(error.message ?? error), isLoading: false };
    if (answer.users > 0) setTimeout(() => answer.users > 0 && !answer.isAsking && ask(address, answer), RETRY_MS);
  }
  answer.isAsking = false;
  if (answer.users > 0 && answer.asked !== tick.peek()) ask(address, answer);
}

function answerOf(address) {
  let answer = answers.get(address);
  if (!answer) {
    answer = { state: signal({ data: null, error: null, isLoading: true }), asked: -1, users: 0, isAsking: false };
    answers.set(address, answer);
  }
  return answer;
}

/** The answer of a path, kept up with the log while it is shown: { data, error, isLoading }. */
export function useAnswer(address) {
  const answer = answerOf(address);
  useEffect(() => {
    answer.users += 1;
    const stop = effect(() => {
      if (answer.asked !== tick.value && !answer.isAsking) ask(address, answer);
    });
    return () => {
      stop();
      answer.users -= 1;
      if (answer.users === 0) setTimeout(() => answer.users === 0 && answers.delete(address), 60000);
    };
  }, [address]);
  return answer.state.value;
}

/** The rows of a view for the state that is shown. */
export function useRows(view, parameters) {
  const { data, error, isLoading } = useAnswer(path(view, parameters));
  return { rows: data?.rows ?? null, position: data?.position ?? 0, error, isLoading };
}

let settling = 0;
function grown(position) {
  if (position <= head.peek()) return;
  head.value = position;
  if (!settling) {
    settling = setTimeout(() => {
      settling = 0;
      tick.value += 1;
    }, SETTLE_MS);
  }
}

async function past() {
  const response = await fetch(`/api/v1/log?backwards=true&limit=${TICKER_EVENTS}`);
  if (!response.ok) throw new Error(response.statusText);
  const { events, head: last } = await response.json();
  ticker.value = events;
  head.value = last;
  tick.value += 1;
}

let source = null;
let heard = 0;

function keep(event) {
  const newest = ticker.peek()[0]?.position ?? 0;
  if (event.position > newest) ticker.value = [event, ...ticker.peek()].slice(0, TICKER_EVENTS);
  grown(event.position);
}

function listen() {
  source?.close();
  source = new EventSource(`/api/v1/events?from=${(ticker.peek()[0]?.position ?? head.peek()) + 1}`);
  const hear = (handle) => (message) => {
    const data = JSON.parse(message.data);
    heard = Date.now();
    live.value = data.away ? "reconnecting" : "live"; // the gateway is there, its daemon is not
    handle(data);
  };
  source.addEventListener("event", hear(keep));
  source.addEventListener("live", hear((data) => grown(data.head)));
  source.addEventListener("heartbeat", hear((data) => grown(data.head)));
  source.addEventListener("reset", () => location.reload()); // another log: nothing known is true of it
  source.onerror = () => {
    live.value = "reconnecting";
  };
}

/** Follow the log. A stream that ends or falls silent is opened again behind the last event. */
export async function followLog() {
  for (;;) {
    try {
      await past();
      break;
    } catch {
      live.value = "reconnecting";
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
  heard = Date.now();
  listen();
  setInterval(() => {
    if (Date.now() - heard > SILENCE_MS) {
      live.value = "reconnecting";
      heard = Date.now();
      listen();
    }
  }, 1000);
}
