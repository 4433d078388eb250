// The frame: which view is shown, and the way between them.

import { el, hash } from "./dom.js";
import * as artifacts from "./views/artifacts.js";
import * as attackers from "./views/attackers.js";
import * as credentials from "./views/credentials.js";
import * as decoys from "./views/decoys.js";
import * as live from "./views/live.js";
import * as overview from "./views/overview.js";
import * as sessions from "./views/sessions.js";

const VIEWS = { overview, decoys, live, attackers, credentials, artifacts, sessions };
const main = document.getElementById("main");
let leaving = new AbortController();
let isFirst = true;

function words() {
  if (!location.hash.startsWith("#/")) return ["overview"];
  try {
    return location.hash.slice(2).split("/").map(decodeURIComponent);
  } catch {
    return ["overview"];
  }
}

async function show() {
  if (location.hash === "#main") return;
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [name, ...rest] = words();
  const view = Object.hasOwn(VIEWS, name) ? VIEWS[name] : overview;
  for (const one of document.querySelectorAll("#views a")) {
    one.toggleAttribute("data-here", one.hash === hash([name]));
    if (one.hash === hash([name])) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  document.title = `${view.title} – decnet`;
  const page = el("div", { class: "view", "data-way": location.hash, "aria-busy": "true" });
  main.replaceChildren(page);
  try {
    await view.show(page, rest, signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!page.querySelector("h1")) page.prepend(el("h1", {}, view.title));
    page.append(el("p", { role: "alert", class: "wrong" }, error.message));
  }
  page.removeAttribute("aria-busy");
  // A view that was asked for is read from its beginning; the first is where the browser puts it.
  if (!isFirst) main.focus({ preventScroll: true });
  if (!isFirst) window.scrollTo(0, 0);
  isFirst = false;
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
document.getElementById("views").append(
  ...Object.entries(VIEWS).map(([name, view]) => el("li", {}, el("a", { href: hash([name]) }, view.title))),
);
window.addEventListener("hashchange", show);
show();
