// A network as a picture: each LAN a line, decoys hanging from it. What state one is in is a shape and a word, not only a colour.

import { el, hash, svg } from "./dom.js";

const BOX = { wide: 132, high: 62, gap: 14 };
const MARKS = { up: "●", down: "✕", drifted: "▲", unknown: "?" };

/** A network of `/topology` with what `/decoys` knows of its decoys. */
export function picture(network, decoys) {
  const known = new Map(decoys.filter((one) => one.network === network.network).map((one) => [one.name, one]));
  return el(
    "section", { class: "card network", "aria-label": `Network ${network.network}` },
    el("h3", {}, network.network), network.lans.map((lan) => drawn(network.network, lan, known)),
  );
}

export function state(decoy) {
  const name = decoy?.state ?? "unknown";
  return el("span", { class: `state ${name}` }, el("span", { "aria-hidden": "true" }, MARKS[name] ?? "?"), ` ${name}`);
}

function drawn(network, lan, known) {
  const about = [lan.driver, ...lan.subnets, lan.interface && `on ${lan.interface}`, lan.host && `host ${lan.host}`];
  return el(
    "div", { class: "lan" },
    el("p", {}, el("strong", {}, lan.name), " ", el("span", { class: "quiet" }, about.filter(Boolean).join(" · "))),
    el("ul", { class: "hosts", "aria-label": `Decoys on ${lan.name}` }, lan.decoys.map((name) => el("li", {}, host(network, lan, name, known.get(name))))),
  );
}

function host(network, lan, name, decoy) {
  const now = decoy?.state ?? "unknown";
  const { wide, high, gap } = BOX;
  const said = `${name}, ${now}, ${decoy?.addresses.join(" ") ?? ""}, ${decoy?.events ?? 0} events`;
  return svg(
    "svg", { viewBox: `0 0 ${wide} ${high + gap}`, class: "host" },
    svg("line", { x1: 0, x2: wide, y1: 1.5, y2: 1.5, class: "bus" }),
    svg("line", { x1: wide / 2, x2: wide / 2, y1: 1.5, y2: gap, class: "bus" }),
    svg(
      "a", { href: hash(["decoys", network, name]), "aria-label": said },
      svg("title", {}, said),
      svg("rect", { x: 5, y: gap, width: wide - 10, height: high - 2, rx: 5, class: `box ${now}` }),
      svg("text", { x: 14, y: gap + 18, class: `mark ${now}` }, MARKS[now] ?? "?"),
      svg("text", { x: 30, y: gap + 18, class: "name" }, cut(name, 13)),
      svg("text", { x: 14, y: gap + 35, class: "small" }, cut(there(lan, decoy?.addresses ?? []), 18)),
      svg("text", { x: 14, y: gap + 51, class: "small" }, cut((decoy?.services ?? []).join(" "), 18)),
    ),
  );
}

/** The address that is on this LAN, of those of a decoy on several: by IPv4, else the first. */
function there(lan, addresses) {
  const isIn = (address, subnet) => {
    const [base, bits] = subnet.split("/");
    return !base.includes(":") && !address.includes(":") && bitsOf(address).startsWith(bitsOf(base).slice(0, Number(bits)));
  };
  return addresses.find((one) => lan.subnets.some((subnet) => isIn(one, subnet))) ?? addresses[0] ?? "";
}

function bitsOf(address) {
  return address.split(".").map((one) => Number(one).toString(2).padStart(8, "0")).join("");
}

function cut(text, most) {
  return text.length > most ? text.slice(0, most - 1) + "…" : text;
}
