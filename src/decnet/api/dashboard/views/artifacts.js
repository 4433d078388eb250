// What visitors brought: its digest and size. The content is never shown, nor can it be fetched from here.

import { el } from "../dom.js";
import { pages } from "../table.js";
import { bytes, number, time, typed } from "../text.js";

export const title = "Artifacts";
const COLUMNS = [
  ["SHA-256", (one) => typed(one.sha256), "mono what"],
  ["Name", (one) => typed(one.name), "mono"],
  ["Size", (one) => bytes(one.size), "count"],
  ["Events", (one) => number(one.events), "count"],
  ["First seen", (one) => time(one.first_seen)],
  ["Last seen", (one) => time(one.last_seen)],
];

export async function show(page, _, signal) {
  page.append(
    el("h1", {}, title),
    el("p", {}, "Files and messages that went over the wire, by their digest. Their content is not shown here."),
    await pages("artifacts", {}, title, COLUMNS, signal),
  );
}
