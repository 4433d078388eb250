// What visitors typed, and what machines count, as people read it.

import { el } from "./dom.js";

// Controls, marks that turn the direction of text or have no width, separators, halves of surrogates, tags.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f]/u;
const SPLIT = new RegExp(`(${UNSEEN.source})`, "u");

/** An unseen character as it would be written: `\x1b`, `\u202e`. */
function written(character) {
  const code = character.codePointAt(0);
  if (code < 0x100) return "\\x" + code.toString(16).padStart(2, "0");
  return code < 0x10000 ? "\\u" + code.toString(16).padStart(4, "0") : "\\u{" + code.toString(16) + "}";
}

/** Text of a visitor: isolated from the direction of what is around, with every unseen character as an escape. */
export function typed(value) {
  const parts = String(value ?? "").split(SPLIT).filter((part) => part !== "");
  return el("bdi", { class: "typed" }, parts.map((part) => (UNSEEN.test(part) ? el("span", { class: "escape" }, written(part)) : part)));
}

const KEYS = {
  "auth.attempt": (data) => `${data.principal ?? ""} : ${data.secret ?? ""}  ${data.outcome ?? ""}`,
  command: (data) => data.command,
};

/** An event in one line, for `typed`. */
export function told(event) {
  const own = KEYS[event.type]?.(event.data);
  if (typeof own === "string") return own;
  const pairs = Object.entries(event.data).map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`);
  return pairs.join("  ");
}

export function number(value) {
  return value.toLocaleString("en");
}

/** A time in UTC, to the second; the whole of it is in the title. */
export function time(stamp) {
  if (!stamp) return el("span", { class: "none" }, "–");
  return el("time", { datetime: stamp, title: stamp }, stamp.slice(0, 19).replace("T", " "));
}

export function clock(stamp) {
  return el("time", { datetime: stamp, title: stamp }, stamp.slice(11, 19));
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  return count < 1 << 20 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / (1 << 20)).toFixed(1)} MiB`;
}

/** Seconds as people say them. */
export function span(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
