// Making elements. Text is only ever text: nothing here or elsewhere parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: attributes (a function is a listener, null is left out), then children: nodes, texts, lists of them. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for a picture. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined));
  return node;
}

/** Facts as a list of terms; those without a value are left out. */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", { class: "facts" }, known.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));
}

/** A link to a view: `link(["attackers", ip], text)`. */
export function link(parts, ...children) {
  return el("a", { href: hash(parts) }, ...children);
}

export function hash(parts) {
  return "#/" + parts.map(encodeURIComponent).join("/");
}
