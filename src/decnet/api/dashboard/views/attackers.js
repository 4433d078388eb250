// Sources, and the way of one over the decoys.

import { get } from "../api.js";
import { el, facts, link } from "../dom.js";
import { pages, table } from "../table.js";
import { number, time } from "../text.js";
import { timeline } from "../timeline.js";
import { COLUMNS as SESSIONS } from "./sessions.js";

export const title = "Attackers";
const COLUMNS = [
  ["Source", (one) => link(["attackers", one.ip], one.ip), "mono"],
  ["Decoys", (one) => number(one.decoys), "count"],
  ["Sessions", (one) => number(one.sessions), "count"],
  ["Log-ins tried", (one) => number(one.attempts), "count"],
  ["Commands", (one) => number(one.commands), "count"],
  ["Uploads", (one) => number(one.uploads), "count"],
  ["First seen", (one) => time(one.first_seen)],
  ["Last seen", (one) => time(one.last_seen)],
];
const VISITS = [
  ["Decoy", (one) => link(["decoys", one.network, one.decoy], one.decoy)],
  ["Network", (one) => one.network],
  ["Events", (one) => number(one.events), "count"],
  ["First seen", (one) => time(one.first_seen)],
  ["Last seen", (one) => time(one.last_seen)],
];

export async function show(page, [ip], signal) {
  if (ip !== undefined) return one(page, ip, signal);
  page.append(el("h1", {}, title), await pages("attackers", {}, title, COLUMNS, signal));
}

async function one(page, ip, signal) {
  const [{ attacker, visits }, events] = await Promise.all([
    get(`attackers/${encodeURIComponent(ip)}`, {}, signal),
    get("events", { source: ip, limit: 1000 }, signal),
  ]);
  page.append(
    el("p", {}, link(["attackers"], "All attackers")),
    el("h1", {}, attacker.ip),
    facts([
      ["First seen", time(attacker.first_seen)], ["Last seen", time(attacker.last_seen)],
      ["Events", number(attacker.events)], ["Sessions", number(attacker.sessions)],
      ["Log-ins tried", number(attacker.attempts)], ["Commands", number(attacker.commands)], ["Uploads", number(attacker.uploads)],
    ]),
    el("h2", {}, "The way over the decoys"),
    timeline(visits, events.items),
    events.next === null ? "" : el("p", { class: "quiet" }, "Marks are of the last 1,000 events."),
    table("Visits in their order", VISITS, visits).node,
    el("h2", {}, "Sessions"),
    await pages("sessions", { source: ip }, `Sessions of ${ip}`, SESSIONS, signal),
  );
}
