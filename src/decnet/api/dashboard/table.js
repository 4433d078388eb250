// Tables, and lists that come in pages. On narrow windows rows become cards: roles keep them a table to screen readers.

import { get } from "./api.js";
import { el } from "./dom.js";

/** `columns` are `[heading, cell of an item, class]`. */
export function table(caption, columns, items = []) {
  const body = el("tbody", { role: "rowgroup" });
  const head = columns.map(([heading, , kind]) => el("th", { scope: "col", role: "columnheader", class: kind }, heading));
  const node = el(
    "table", { role: "table" },
    el("caption", { class: "hidden" }, caption),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)), body,
  );
  const add = (more) => body.append(...more.map((item) => row(columns, item)));
  add(items);
  return { node, add, body };
}

function row(columns, item) {
  const cells = columns.map(([heading, cell, kind]) => el("td", { role: "cell", "data-label": heading, class: kind }, cell(item)));
  return el("tr", { role: "row" }, cells);
}

/** A list of the server with a button for more. */
export async function pages(path, wanted, caption, columns, signal) {
  const { node, add } = table(caption, columns);
  const more = el("button", { type: "button", class: "more", click: () => load().catch(failed) }, "More");
  const note = el("p", { role: "status" });
  let cursor = null;
  let shown = 0;
  const failed = (error) => (note.textContent = error.message);
  async function load() {
    const page = await get(path, { ...wanted, limit: 50, ...(cursor === null ? {} : { cursor }) }, signal);
    add(page.items);
    shown += page.items.length;
    cursor = page.next;
    more.hidden = cursor === null;
    note.textContent = shown === 0 ? "There is nothing yet." : `${shown} shown${cursor === null ? ", all there are" : ""}.`;
  }
  await load();
  return el("div", {}, node, el("div", { class: "below" }, note, more));
}
