// Events by time as bars, one above the other by kind.

import { el, svg } from "./dom.js";
import { number } from "./text.js";

const WIDE = 720;
const HIGH = 120;
const KINDS = ["connection", "auth", "command", "other"];

function kind(type) {
  const first = type.split(".")[0];
  return KINDS.includes(first) ? first : "other";
}

/** A histogram of the server as a figure. */
export function bars(found) {
  const since = Date.parse(found.since);
  const step = found.width * 1000;
  const count = Math.max(1, Math.round((Date.parse(found.until) - since) / step));
  const sums = Array.from({ length: count }, () => Object.fromEntries(KINDS.map((one) => [one, 0])));
  for (const bar of found.items) {
    const at = Math.floor((Date.parse(bar.start) - since) / step);
    if (sums[at]) sums[at][kind(bar.type)] += bar.events;
  }
  const totals = sums.map((one) => KINDS.reduce((sum, name) => sum + one[name], 0));
  const most = Math.max(1, ...totals);
  const all = totals.reduce((sum, one) => sum + one, 0);
  const said = `${number(all)} events from ${short(found.since)} to ${short(found.until)}; at most ${number(most)} in ${found.width / 60} minutes`;
  const columns = sums.map((one, at) => column(one, totals[at], { at, count, most, start: new Date(since + at * step) }));
  return el(
    "figure", {},
    svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "bars", role: "img", "aria-label": said, preserveAspectRatio: "none" },
      svg("line", { x1: 0, x2: WIDE, y1: HIGH - 0.5, y2: HIGH - 0.5, class: "axis" }), columns),
    el("div", { class: "ends" }, el("span", {}, short(found.since)), el("span", {}, short(found.until))),
    el("figcaption", {}, el("span", {}, said + "."), el("ul", { class: "legend" }, KINDS.map((one) => el("li", { class: `of-${one}` }, one)))),
  );
}

function column(sums, total, { at, count, most, start }) {
  const wide = WIDE / count;
  let top = HIGH;
  const blocks = KINDS.filter((one) => sums[one]).map((one) => {
    const high = (sums[one] / most) * (HIGH - 4);
    top -= high;
    return svg("rect", { x: at * wide + 1, y: top, width: Math.max(1, wide - 2), height: high, class: `of-${one}` });
  });
  const parts = KINDS.filter((one) => sums[one]).map((one) => `${one} ${sums[one]}`);
  return svg("g", {}, svg("title", {}, `${short(start.toISOString())}: ${total} (${parts.join(", ")})`), blocks);
}

function short(stamp) {
  return stamp.slice(0, 16).replace("T", " ");
}
