// Totals, the last day, the networks.

import { every, get } from "../api.js";
import { bars } from "../bars.js";
import { el, facts } from "../dom.js";
import { picture } from "../picture.js";
import { number, time } from "../text.js";

export const title = "Overview";
const SECONDS = 10;
const COUNTS = ["events", "sessions", "attackers", "attempts", "credentials", "artifacts", "decoys"];

export async function show(page, _, signal) {
  const totals = el("div", { class: "totals" });
  const day = el("div", { class: "card" });
  const networks = el("div", {});
  page.append(
    el("h1", {}, title), totals,
    el("h2", {}, "The last day of events"), day,
    el("h2", {}, "Networks"), networks,
  );
  const parts = [
    part("stats", totals, (stats) => counted(stats)),
    part("histogram", day, (found) => [bars(found)]),
    networked(networks),
  ];
  const load = () => Promise.all(parts.map((one) => one(signal)));
  await load();
  every(SECONDS, signal, load);
}

/** Draw a resource anew when it has changed, unless the keyboard is in it. */
function part(path, place, drawn) {
  let last = "";
  return async (signal) => {
    const found = await get(path, {}, signal);
    const now = JSON.stringify(found);
    if (now === last || place.contains(document.activeElement)) return;
    last = now;
    place.replaceChildren(...drawn(found));
  };
}

function networked(place) {
  let last = "";
  return async (signal) => {
    const [topology, decoys] = await Promise.all([get("topology", {}, signal), get("decoys", {}, signal)]);
    const now = JSON.stringify([topology, decoys]);
    if (now === last || place.contains(document.activeElement)) return;
    last = now;
    place.replaceChildren(...topology.items.map((one) => picture(one, decoys.items)));
    if (!topology.items.length) place.append(el("p", {}, "No network is applied here."));
  };
}

function counted(stats) {
  const numbers = COUNTS.map((name) => el("div", { class: "card" }, el("dd", {}, number(stats[name])), el("dt", {}, name)));
  return [
    el("dl", { class: "numbers" }, numbers),
    facts([["First event", stats.first_seen && time(stats.first_seen)], ["Last event", stats.last_seen && time(stats.last_seen)]]),
  ];
}
