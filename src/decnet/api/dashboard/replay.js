// A session played again: what was sent, in its times. Silence is cut to two seconds.

import { el } from "./dom.js";
import { span, told, typed } from "./text.js";

const SILENCE = 2;
const TICK_MS = 50;
const SHOWN = 500;
const SPEEDS = [0.5, 1, 2, 5];
const LINES = {
  "auth.attempt": (data) => ["login ", `${data.principal ?? ""} : ${data.secret ?? ""}`, `  ${data.outcome ?? ""}`],
  command: (data) => [`${data.user === "root" ? "#" : "$"} `, data.command ?? "", ""],
};

/** Seconds at which each event is played. */
export function moments(events) {
  const found = [];
  let at = 0;
  events.forEach((one, index) => {
    if (index) at += Math.min(SILENCE, Math.max(0, (Date.parse(one.ts) - Date.parse(events[index - 1].ts)) / 1000));
    found.push(at);
  });
  return found;
}

function line(one) {
  const [before, text, after] = LINES[one.type]?.(one.data) ?? [`[${one.type}] `, told(one), ""];
  return el("div", { class: `line of-${one.type.split(".")[0]}` }, el("span", { class: "prompt" }, before), typed(text), after);
}

/** The player: a terminal, a button, a slider, a speed. */
export function player(events, signal) {
  const times = moments(events);
  const end = (times.at(-1) ?? 0) + 0.5;
  const screen = el("div", { class: "terminal", role: "log", "aria-live": "off", "aria-label": "Replay", tabindex: "0" });
  const button = el("button", { type: "button", class: "play" }, "Play");
  const slider = el("input", { type: "range", min: 0, max: end, step: 0.05, value: end, "aria-label": "Position" });
  const speeds = el("select", {}, SPEEDS.map((one) => el("option", { value: one, selected: one === 1 }, `${one} ×`)));
  const where = el("output", {});
  let now = end;
  let shown = -1;
  let timer = null;
  const draw = () => {
    const count = times.filter((one) => one <= now).length;
    if (count !== shown) screen.replaceChildren(...events.slice(Math.max(0, count - SHOWN), count).map(line));
    if (count !== shown) screen.scrollTop = screen.scrollHeight;
    shown = count;
    slider.value = now;
    slider.setAttribute("aria-valuetext", `${span(now)} of ${span(end)}`);
    where.textContent = `${span(now)} / ${span(end)}`;
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  };
  const start = () => {
    if (now >= end) now = 0;
    button.textContent = "Pause";
    timer = setInterval(() => {
      now = Math.min(end, now + (TICK_MS / 1000) * Number(speeds.value));
      draw();
      if (now >= end) stop();
    }, TICK_MS);
    draw();
  };
  button.addEventListener("click", () => (timer === null ? start() : stop()));
  slider.addEventListener("input", () => {
    now = Number(slider.value);
    draw();
  });
  signal.addEventListener("abort", stop);
  draw();
  return el("div", { class: "card" }, screen, el("div", { class: "controls" }, button, slider, where, el("label", {}, "Speed ", speeds)));
}
