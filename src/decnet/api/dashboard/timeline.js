// A source at decoys in time: a line for each decoy, from first to last event, with a mark for each event.

import { el, hash, svg } from "./dom.js";

const LEFT = 130;
const WIDE = 1100;
const ROW = 26;
const MOST = 100;

/** `visits` in the order of their beginning; `events` are marks on them. */
export function timeline(visits, events) {
  const rows = visits.slice(0, MOST);
  const since = Math.min(...rows.map((one) => Date.parse(one.first_seen)));
  const until = Math.max(since + 1000, ...rows.map((one) => Date.parse(one.last_seen)));
  const at = (stamp) => LEFT + ((Date.parse(stamp) - since) / (until - since)) * (WIDE - LEFT - 10);
  const places = new Map(rows.map((one, index) => [key(one), index]));
  const lines = rows.map((one, index) => {
    const y = index * ROW + ROW / 2;
    return [
      svg("line", { x1: LEFT, x2: WIDE, y1: y, y2: y, class: "grid" }),
      svg("a", { href: hash(["decoys", one.network, one.decoy]) }, svg("text", { x: 4, y: y + 4, class: "name" }, short(one.decoy))),
      svg("line", { x1: at(one.first_seen), x2: Math.max(at(one.last_seen), at(one.first_seen) + 1), y1: y, y2: y, class: "visit" }),
    ];
  });
  // What was typed lies on top of the connections it came by.
  const drawn = events.filter((one) => places.has(key(one)) && Date.parse(one.ts) >= since);
  const marks = drawn.sort((one, other) => rank(one) - rank(other)).map((one) => {
    const shape = { cx: at(one.ts), cy: places.get(key(one)) * ROW + ROW / 2, r: 4, class: `of-${one.type.split(".")[0]}` };
    return svg("circle", shape, svg("title", {}, `${one.ts} ${one.type}`));
  });
  const said = `${visits.length} decoys in their order: ${rows.map((one) => one.decoy).join(", ")}`;
  const drawing = svg("svg", { viewBox: `0 0 ${WIDE} ${rows.length * ROW}`, class: "timeline", role: "group", "aria-label": said }, lines, marks);
  const ends = [since, until].map((moment) => el("span", {}, new Date(moment).toISOString().slice(0, 19).replace("T", " ")));
  const rest = visits.length > rows.length ? `The first ${MOST} of ${visits.length} decoys.` : null;
  return el("figure", { class: "card" }, el("div", { class: "wide", role: "region", tabindex: "0", "aria-label": "Timeline" }, drawing), el("div", { class: "ends" }, ends), rest);
}

function rank(one) {
  return ["connection", "auth", "command"].indexOf(one.type.split(".")[0]);
}

function key(one) {
  return JSON.stringify([one.network, one.decoy]);
}

function short(text) {
  return text.length > 17 ? text.slice(0, 16) + "…" : text;
}
