// Connections, and one of them played again.

import { get } from "../api.js";
import { el, facts, link } from "../dom.js";
import { player } from "../replay.js";
import { pages, table } from "../table.js";
import { bytes, number, span, time, told, typed } from "../text.js";

export const title = "Sessions";
const MOST = 10;
export const COLUMNS = [
  ["Begun", (one) => link(["sessions", one.id], time(one.first_seen))],
  ["Decoy", (one) => link(["decoys", one.network, one.decoy], one.decoy)],
  ["Service", (one) => one.service],
  ["Source", (one) => link(["attackers", one.src_ip], one.src_ip), "mono"],
  ["Lasted", (one) => (one.closed ? span(seconds(one)) : "open"), "count"],
  ["Log-ins tried", (one) => number(one.attempts), "count"],
  ["Commands", (one) => number(one.commands), "count"],
  ["Received", (one) => bytes(one.received), "count"],
];
const EVENTS = [
  ["Time", (one) => time(one.ts)],
  ["Type", (one) => el("span", { class: `kind of-${one.type.split(".")[0]}` }, one.type)],
  ["What", (one) => typed(told(one)), "what"],
];

export async function show(page, [id], signal) {
  if (id !== undefined) return one(page, id, signal);
  page.append(el("h1", {}, title), await pages("sessions", {}, title, COLUMNS, signal));
}

function seconds(one) {
  return (Date.parse(one.last_seen) - Date.parse(one.first_seen)) / 1000;
}

async function one(page, id, signal) {
  const found = await get(`sessions/${encodeURIComponent(id)}`, {}, signal);
  const events = await all(id, signal);
  page.append(
    el("p", {}, link(["sessions"], "All sessions")),
    el("h1", {}, `${found.service} at ${found.decoy}`),
    facts([
      ["Source", link(["attackers", found.src_ip], found.src_ip)], ["Decoy", link(["decoys", found.network, found.decoy], found.decoy)],
      ["Begun", time(found.first_seen)], ["Closed", found.closed ? time(found.closed) : "open"], ["Lasted", span(seconds(found))],
      ["Received", bytes(found.received)], ["Sent", bytes(found.sent)],
    ]),
    el("h2", {}, "Replay"), player(events, signal),
    el("h2", {}, "Events"), table("Events of the session", EVENTS, events).node,
  );
}

/** The events of a session, oldest first; no more than some pages of them. */
async function all(id, signal) {
  const events = [];
  for (let page = 0; page < MOST; page += 1) {
    const { items } = await get("events", { session: id, after: events.at(-1)?.seq ?? 0, limit: 1000 }, signal);
    events.push(...items);
    if (items.length < 1000) break;
  }
  return events;
}
