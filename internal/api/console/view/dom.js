// Elements, and what several views show of them.

const $ = (id) => document.getElementById(id);

/**
 * Makes an element. props are its attributes, but for text and on: the listeners
 * by event. Whatever comes from others becomes text, never markup.
 */
export function el(name, { text, on = {}, ...attributes } = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) e.setAttribute(key, "");
    else if (value !== undefined && value !== false && value !== null) e.setAttribute(key, value);
  }
  if (name === "button" && !attributes.type) e.type = "button";
  if (text !== undefined) e.textContent = text;
  for (const [event, listener] of Object.entries(on)) e.addEventListener(event, listener);
  e.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return e;
}

const SVG = "http://www.w3.org/2000/svg"; // a name, not an address

export function icon(name, label) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  } else {
    svg.setAttribute("aria-hidden", "true");
  }
  svg.append(use);
  return svg;
}

/** A button with a picture alone. */
export function iconButton(name, label, click, more = "") {
  return el("button", { class: `icon ${more}`, "aria-label": label, title: label, on: { click } }, icon(name));
}

/** Who it is, as a colored disc; online is true, false, or undefined for unknown. */
export function avatar(id, title, { online, kind = "s", small = false } = {}) {
  let hue = 0;
  for (const character of id) hue = (hue * 31 + character.codePointAt(0)) % 8;
  const disc = el("span", { class: small ? "avatar small" : "avatar", "data-hue": hue, "aria-hidden": "true" });
  if (kind === "g") disc.append(icon("group"));
  else if (kind === "n" || kind === "b") disc.append(icon("bell"));
  else if (id.startsWith("bot:")) disc.append(icon("bot"));
  else disc.append([...title.replace(/^[^\p{L}\p{N}]+/u, "")][0]?.toUpperCase() ?? "?");
  if (online !== undefined) disc.append(el("span", { class: online ? "presence here" : "presence" }));
  return disc;
}

/**
 * Opens the menu at an element. items are { label, icon, danger, act }, and above
 * them stand signs to react with, if there are any.
 */
export function openMenu(anchor, items, { signs = [], sign } = {}) {
  const menu = $("menu");
  const pick = (act) => () => {
    menu.hidePopover();
    act();
  };
  const rows = items.map(({ label, icon: name, danger, act }) =>
    el("button", { role: "menuitem", class: danger ? "danger" : "", on: { click: pick(act) } }, icon(name), label));
  const top = signs.length > 0 && el("div", { class: "signs" }, ...signs.map((one) =>
    el("button", { role: "menuitem", "aria-label": `React with ${one}`, text: one, on: { click: pick(() => sign(one)) } })));
  menu.replaceChildren(...[top, ...rows].filter(Boolean));
  menu.showPopover();
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = box.bottom + 4 + height < innerHeight;
  menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, below ? box.bottom + 4 : box.top - height - 4)}px`;
  menu.querySelector("button")?.focus();
}

$("menu").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length].focus();
});

/** Makes a list show these items, keeping the elements of those that are the same. */
export function reconcile(list, items) {
  const known = new Map();
  for (const node of list.children) known.set(node.itemKey, node);
  items.forEach(({ key, is, make }, index) => {
    let node = known.get(key);
    known.delete(key);
    if (node?.itemIs !== is) {
      const fresh = Object.assign(make(), { itemKey: key, itemIs: is });
      if (node) {
        const focused = node.contains(document.activeElement);
        node.replaceWith(fresh);
        if (focused) (fresh.matches("[tabindex], button") ? fresh : fresh.querySelector("button, [tabindex]"))?.focus();
      }
      node = fresh;
    }
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
  for (const node of known.values()) node.remove();
}
