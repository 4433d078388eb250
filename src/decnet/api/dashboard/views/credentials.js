// What was tried, in clear.

import { el } from "../dom.js";
import { pages } from "../table.js";
import { number, time, typed } from "../text.js";

export const title = "Credentials";
const COLUMNS = [
  ["Name", (one) => typed(one.principal), "mono"],
  ["Secret", (one) => typed(one.secret), "mono"],
  ["Kind", (one) => one.secret_kind],
  ["Tried", (one) => number(one.attempts), "count"],
  ["Accepted", (one) => number(one.accepted), "count"],
  ["Sources", (one) => number(one.sources), "count"],
  ["Decoys", (one) => number(one.decoys), "count"],
  ["Last seen", (one) => time(one.last_seen)],
];

export async function show(page, _, signal) {
  const place = el("div", {});
  const load = async () => {
    const wanted = reused.checked ? { reused: true } : {};
    place.replaceChildren(await pages("credentials", wanted, title, COLUMNS, signal));
  };
  const failed = (error) => place.replaceChildren(el("p", { role: "alert", class: "wrong" }, error.message));
  const reused = el("input", { type: "checkbox", change: () => load().catch(failed) });
  page.append(
    el("h1", {}, title),
    el("div", { class: "controls" }, el("label", {}, reused, " only secrets from two sources, or at two decoys")), place,
  );
  await load();
}
