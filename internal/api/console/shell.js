// What the two parts of the page share: notes, colors, which part is shown, and
// what goes wrong in words.

import { element } from "./log.js";

const $ = (id) => document.getElementById(id);

const THEMES = ["auto", "light", "dark"];
const PARTS = ["chat", "developer"];

/** Shows text in a note that goes away; kind is "bad" or "good". */
export function toast(text, kind = "bad") {
  const note = element("div", `toast ${kind}`);
  const close = element("button", "icon", "×");
  close.type = "button";
  close.setAttribute("aria-label", "Dismiss");
  close.addEventListener("click", () => note.remove());
  note.append(element("span", "", text), close);
  $("toasts").append(note);
  while ($("toasts").childElementCount > 4) $("toasts").firstElementChild.remove();
  setTimeout(() => note.remove(), 12_000);
}

/** Waits for a request; its error is shown. Returns { ok, value }. */
export async function attempt(promise) {
  try {
    return { ok: true, value: await promise };
  } catch (error) {
    toast(describe(error));
    return { ok: false };
  }
}

/** An error in words: its code, what was asked, and what the server said. */
export function describe(error) {
  const code = error.code ? `${error.code} · ` : "";
  const where = error.module ? `${error.module}.${error.action}: ` : "";
  const wait = error.retryAfter ? ` Try again in ${seconds(error.retryAfter / 1000)}.` : "";
  return `${code}${where}${error.message}.${wait}`.replace(/\.\./g, ".");
}

export function seconds(s) {
  return `${s < 10 && !Number.isInteger(s) ? s.toFixed(1) : Math.round(s)} s`;
}

/** Puts text into the clipboard, where the browser lets a page do that. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.", "good");
  } catch {
    toast("This browser gives the page no clipboard. Select the text and copy it by hand.");
  }
}

/** Remembers a setting. Browsers may forbid that; then it is chosen again. */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // It is chosen again.
  }
}

export function remembered(key) {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").setAttribute("aria-label", `Colors: ${name === "auto" ? "as the system" : name}`);
  $("theme").title = $("theme").getAttribute("aria-label");
}

$("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  theme(next);
  remember("pushd.theme", next);
});
theme(THEMES.includes(remembered("pushd.theme")) ? remembered("pushd.theme") : "auto");

/** The part of the page that is shown: "chat" or "developer". It is in the address. */
export function part() {
  return PARTS.includes(location.hash.slice(1)) ? location.hash.slice(1) : PARTS[0];
}

/** Calls shown(part) now, and whenever another part is chosen. */
export function parts(shown) {
  const show = () => {
    const name = part();
    document.body.dataset.part = name;
    for (const one of PARTS) {
      $(one).hidden = one !== name;
      if (one === name) $(`part-${one}`).setAttribute("aria-current", "page");
      else $(`part-${one}`).removeAttribute("aria-current");
    }
    shown(name);
  };
  addEventListener("hashchange", show);
  show();
}
