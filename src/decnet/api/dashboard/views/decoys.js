// Decoys: what they are, whether they are as declared, what came to them.

import { every, get } from "../api.js";
import { el, facts, link } from "../dom.js";
import { state } from "../picture.js";
import { pages, table } from "../table.js";
import { number, time, typed } from "../text.js";
import { COLUMNS as SESSIONS } from "./sessions.js";

export const title = "Decoys";
const SECONDS = 15;
const COLUMNS = [
  ["Name", (one) => link(["decoys", one.network, one.name], one.name)],
  ["Network", (one) => one.network],
  ["State", (one) => [state(one), one.detail ? el("div", { class: "quiet" }, typed(one.detail)) : null]],
  ["Addresses", (one) => one.addresses.join(" "), "mono"],
  ["Services", (one) => one.services.join(" ")],
  ["Events", (one) => number(one.events), "count"],
  ["Attackers", (one) => number(one.attackers), "count"],
  ["Last event", (one) => time(one.last_seen)],
];

export async function show(page, [network, name], signal) {
  if (name !== undefined) return one(page, network, name, signal);
  const summary = el("p", { role: "status" });
  const place = el("div", {});
  page.append(el("h1", {}, title), summary, place);
  let last = "";
  const load = async () => {
    const { items } = await get("decoys", {}, signal);
    const now = JSON.stringify(items);
    if (now === last || place.contains(document.activeElement)) return;
    last = now;
    const counts = ["up", "drifted", "down"].map((word) => `${items.filter((item) => item.state === word).length} ${word}`);
    summary.textContent = items.length ? `${items.length} decoys: ${counts.join(", ")}.` : "There are no decoys yet.";
    place.replaceChildren(table(title, COLUMNS, items).node);
  };
  await load();
  every(SECONDS, signal, load);
}

async function one(page, network, name, signal) {
  const found = await get(`decoys/${encodeURIComponent(name)}`, { network }, signal);
  const ports = found.services.map((service) => `${service} ${(found.ports[service] ?? []).join(" ")}`.trim());
  page.append(
    el("p", {}, link(["decoys"], "All decoys")),
    el("h1", {}, found.name),
    facts([
      ["State", [state(found), found.detail ? [" ", typed(found.detail)] : null]],
      ["Network", found.network], ["LANs", found.lans.join(" ")], ["Addresses", found.addresses.join(" ")],
      ["MAC", found.macs.join(" ")], ["Host name", found.hostname], ["Looks like", [found.os, found.distro].filter(Boolean).join(", ")],
      ["Runtime", found.runtime], ["Group", found.group], ["Services", ports.join(", ")],
      ["Events", number(found.events)], ["Log-ins tried", number(found.attempts)], ["Attackers", number(found.attackers)],
      ["First event", found.first_seen && time(found.first_seen)], ["Last event", found.last_seen && time(found.last_seen)],
    ]),
    el("h2", {}, "Sessions"),
    await pages("sessions", { network, decoy: name }, `Sessions at ${name}`, SESSIONS, signal),
  );
}
