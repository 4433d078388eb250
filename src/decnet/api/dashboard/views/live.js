// What happens now.

import { get } from "../api.js";
import { el, link } from "../dom.js";
import { follow } from "../feed.js";
import { table } from "../table.js";
import { clock, told, typed } from "../text.js";

export const title = "Live";
const MOST = 200;
const DRAW_MS = 250;
const SAY_MS = 5000;
const KINDS = ["", "connection", "auth", "command", "request", "file", "fingerprint", "scan", "decoy", "error"];
export const COLUMNS = [
  ["Time", (one) => clock(one.ts), "mono"],
  ["Type", (one) => el("span", { class: `kind of-${one.type.split(".")[0]}` }, one.type)],
  ["Decoy", (one) => (one.decoy ? [link(["decoys", one.network, one.decoy], one.decoy), one.service ? ` ${one.service}` : ""] : one.network)],
  ["Source", (one) => (one.src_ip ? link(["attackers", one.src_ip], one.src_ip) : ""), "mono"],
  ["What", (one) => (one.session ? link(["sessions", one.session], typed(told(one) || "–")) : typed(told(one))), "what"],
];

export async function show(page, _, signal) {
  const { node, body, add } = table("Events, the newest first", COLUMNS);
  const how = el("span", { class: "how" }, "connecting");
  const said = el("p", { role: "status", "aria-live": "polite", class: "hidden" });
  const pause = el("button", { type: "button", "aria-pressed": "false" }, "Pause");
  const kinds = el("select", {}, KINDS.map((one) => el("option", { value: one }, one || "all")));
  const isWanted = (one) => !kinds.value || one.type.split(".")[0] === kinds.value;
  page.append(
    el("h1", {}, title),
    el("div", { class: "controls" }, pause, el("label", {}, "Type ", kinds), el("span", {}, "Feed: ", how)), said, node,
  );
  let held = [];
  let waiting = [];
  let fresh = 0;
  const isPaused = () => pause.getAttribute("aria-pressed") === "true";
  // At most some times a second, however many come: a flood must not stop the page.
  const draw = () => {
    if (isPaused() || !waiting.length) return;
    const shown = waiting.filter(isWanted).slice(-MOST).reverse();
    held = [...waiting.reverse(), ...held].slice(0, MOST);
    waiting = [];
    const before = body.firstChild;
    add(shown);
    for (const row of [...body.children].slice(-shown.length)) if (before && shown.length) body.insertBefore(row, before);
    while (body.children.length > MOST) body.lastChild.remove();
  };
  pause.addEventListener("click", () => {
    const isNow = !isPaused();
    pause.setAttribute("aria-pressed", String(isNow));
    pause.textContent = isNow ? "Go on" : "Pause";
  });
  kinds.addEventListener("change", () => {
    body.replaceChildren();
    add(held.filter(isWanted));
  });
  const timers = [
    setInterval(draw, DRAW_MS),
    setInterval(() => {
      if (fresh) said.textContent = `${fresh} new events`;
      fresh = 0;
    }, SAY_MS),
  ];
  signal.addEventListener("abort", () => timers.forEach(clearInterval));
  const { items } = await get("events", { limit: 50 }, signal);
  held = items;
  add(items);
  const taken = (found) => {
    waiting = [...waiting, ...found].slice(-MOST);
    fresh += found.length;
  };
  follow(items[0]?.seq ?? 0, signal, taken, (words) => (how.textContent = words));
}
