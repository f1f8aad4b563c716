// The list of frames: bounded, filtered, paused and cleared. It draws at most
// once for each screen update, whatever the number of frames.

import { colored, layout } from "./json.js";

// A busy topic fills the list in a moment, and a megabyte in each row would not
// fit in a phone, so both are bounded.
const MAX_ROWS = 500;
const MAX_KEPT = 16 << 20;

// Longer texts are shown without indentation and colors.
const MAX_COLORED = 256 << 10;

// The list is shown to others and saved to files: tokens stay out of it.
const TOKEN = /("Token"\s*:\s*")(?:[^"\\]|\\.)+/g;

const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false,
});
const encoder = new TextEncoder();

export function bytes(n) {
  if (n < 1024) return `${n} B`;
  return n < 1024 * 1024 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

const accepts = {
  all: () => true,
  quiet: (entry) => !entry.heartbeat,
  in: (entry) => entry.dir === "in",
  out: (entry) => entry.dir === "out",
  push: (entry) => entry.kind === "push",
  error: (entry) => entry.kind === "error",
};

export class FrameLog {
  paused = false;
  totals = { in: 0, out: 0, inBytes: 0, outBytes: 0 };

  #list;
  #jump;
  #changed;
  #entries = []; // the newest, shown or not, each with its number n
  #kept = 0; // length of their texts
  #next = 0; // number of the next entry
  #drawn = 0; // entries from this number on are not drawn yet
  #stuck = true; // to the end, until the reader scrolls up or opens a row
  #below = 0; // rows added while it was not
  #scheduled = false;
  #filter = { text: "", kind: "all" };
  #expanded = false;

  /** changed is called after every drawing, and for every frame while paused. */
  constructor(list, jump, changed) {
    this.#list = list;
    this.#jump = jump;
    this.#changed = changed;
    jump.addEventListener("click", () => this.#toEnd());
    list.addEventListener("scroll", () => this.#look(), { passive: true });
    new ResizeObserver(() => this.#stuck && this.#toEnd()).observe(list);
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("keydown", (event) => this.#moved(event));
  }

  /** A frame as the client tells it: { dir, text, message, took }. */
  frame({ dir, text, message, took }) {
    const size = encoder.encode(text).length;
    if (dir === "out") text = text.replace(TOKEN, "$1…");
    this.totals[dir]++;
    this.totals[`${dir}Bytes`] += size;
    const { Module, Action, Code } = message ?? {};
    let kind = "request";
    if (dir === "in") kind = Code === undefined ? "push" : Code === 0 ? "reply" : "error";
    const named = typeof Module === "string" && typeof Action === "string";
    this.#add({
      dir, text, size, took, kind,
      name: named ? `${Module}.${Action}` : "unreadable",
      code: Code,
      json: message !== null,
      heartbeat: Module === "robot" && Action === "HeartBeat",
    });
  }

  /** What happened to the connection, between the frames. */
  event(name, text, bad = false) {
    this.#add({ dir: "event", kind: bad ? "error" : "event", name, text });
  }

  filter(change) {
    Object.assign(this.#filter, change);
    this.#redraw();
  }

  expand(on) {
    this.#expanded = on;
    this.#redraw();
  }

  pause(on) {
    this.paused = on;
    if (!on) this.#schedule();
  }

  clear() {
    this.#entries = [];
    this.#kept = 0;
    this.#drawn = this.#next;
    this.#list.replaceChildren();
    this.#noneBelow();
    this.#changed();
  }

  get waiting() {
    return this.#fresh().length;
  }

  get shown() {
    return this.#list.childElementCount;
  }

  /** All that is kept, one JSON object a line. */
  lines() {
    return this.#entries.map(({ time, dir, name, text }) =>
      JSON.stringify({ time: new Date(time).toISOString(), dir, name, text })).join("\n") + "\n";
  }

  #add(entry) {
    entry.time = Date.now();
    entry.n = this.#next++;
    this.#entries.push(entry);
    this.#kept += entry.text.length;
    while (this.#entries.length > MAX_ROWS || (this.#kept > MAX_KEPT && this.#entries.length > 1)) {
      this.#kept -= this.#entries.shift().text.length;
    }
    if (this.paused) this.#changed();
    else this.#schedule();
  }

  #fresh() {
    return this.#entries.filter(({ n }) => n >= this.#drawn);
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      if (!this.paused) this.#draw();
    });
  }

  #redraw() {
    if (!this.paused) this.#drawn = this.#next;
    const rows = this.#entries.filter((entry) => entry.n < this.#drawn && this.#matches(entry));
    this.#list.replaceChildren(...rows.map((entry) => this.#row(entry)));
    this.#reachable();
    this.#toEnd();
    this.#changed();
  }

  #draw() {
    const rows = this.#fresh().filter((entry) => this.#matches(entry)).map((entry) => this.#row(entry));
    this.#drawn = this.#next;
    this.#list.append(...rows);
    const oldest = this.#entries[0]?.n ?? this.#next;
    while (this.#list.firstElementChild?.entry.n < oldest) this.#list.firstElementChild.remove();
    this.#reachable();
    if (this.#stuck) this.#toEnd();
    else if (rows.length > 0) {
      this.#below += rows.length;
      this.#jump.textContent = `↓ ${this.#below} new`;
      this.#jump.hidden = false;
    }
    this.#changed();
  }

  #matches(entry) {
    if (!accepts[this.#filter.kind](entry)) return false;
    const text = this.#filter.text.toLowerCase();
    return text === "" || entry.name.toLowerCase().includes(text) || entry.text.toLowerCase().includes(text);
  }

  #row(entry) {
    const row = element("li", "row");
    row.dataset.dir = entry.dir;
    row.dataset.kind = entry.kind;
    row.entry = entry;
    if (entry.dir === "event") {
      row.append(arrow(entry), time(entry), element("strong", "r-name", entry.name), element("span", "r-text", entry.text));
      return row;
    }
    const head = element("button", "r-head");
    head.type = "button";
    head.tabIndex = -1;
    const badge = element("span", "r-code", entry.kind === "reply" ? "ok" : entry.code ?? (entry.kind === "push" ? "push" : ""));
    const meta = bytes(entry.size) + (entry.took === undefined ? "" : ` · ${milliseconds(entry.took)} ms`);
    head.append(arrow(entry), time(entry), element("strong", "r-name", entry.name), badge,
      element("span", "r-text", preview(entry)), element("span", "r-meta", meta));
    row.append(head);
    this.#toggle(row, this.#expanded);
    return row;
  }

  #toggle(row, on) {
    const head = row.firstElementChild;
    head.setAttribute("aria-expanded", String(on));
    row.querySelector(".r-body")?.remove();
    if (!on) return;
    const { text, json } = row.entry;
    const body = element("div", "r-body");
    const pre = element("pre");
    pre.append(json && text.length <= MAX_COLORED ? colored(text) : text);
    const copy = element("button", "r-copy", "Copy");
    copy.type = "button";
    body.append(pre, copy);
    row.append(body);
  }

  async #clicked(event) {
    const row = event.target.closest(".row");
    if (!row) return;
    if (event.target.closest(".r-copy")) {
      const { text, json } = row.entry;
      await navigator.clipboard?.writeText(json ? layout(text) : text);
      event.target.textContent = "Copied";
      return;
    }
    const head = event.target.closest(".r-head");
    if (!head) return;
    this.#focus(head);
    this.#toggle(row, head.getAttribute("aria-expanded") !== "true");
    this.#look();
  }

  // The arrow keys go from row to row.
  #moved(event) {
    const head = event.target.closest(".r-head");
    if (!head) return;
    const heads = [...this.#list.querySelectorAll(".r-head")];
    const at = heads.indexOf(head);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: heads.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (heads[to]) {
      this.#focus(heads[to]);
      heads[to].focus();
    }
  }

  #focus(head) {
    for (const other of this.#list.querySelectorAll('.r-head[tabindex="0"]')) other.tabIndex = -1;
    head.tabIndex = 0;
  }

  // The list is one stop of the Tab key.
  #reachable() {
    if (this.#list.querySelector('.r-head[tabindex="0"]')) return;
    const heads = this.#list.querySelectorAll(".r-head");
    if (heads.length > 0) heads[heads.length - 1].tabIndex = 0;
  }

  #look() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    this.#stuck = scrollHeight - scrollTop - clientHeight < 40;
    if (this.#stuck) this.#noneBelow();
  }

  #toEnd() {
    this.#stuck = true;
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#noneBelow();
  }

  #noneBelow() {
    this.#below = 0;
    this.#jump.hidden = true;
  }
}

export function element(name, className = "", text = "") {
  const e = document.createElement(name);
  e.className = className;
  e.textContent = text;
  return e;
}

export function milliseconds(ms) {
  return ms < 10 ? ms.toFixed(1) : String(Math.round(ms));
}

function arrow({ dir }) {
  const e = element("span", "r-dir", { in: "↓", out: "↑", event: "•" }[dir]);
  e.setAttribute("role", "img");
  e.setAttribute("aria-label", { in: "received", out: "sent", event: "connection" }[dir]);
  return e;
}

function time({ time }) {
  const e = element("time", "r-time", clock.format(time));
  e.dateTime = new Date(time).toISOString();
  return e;
}

// The address is shown already, so the line has room for what follows it.
function preview({ text }) {
  return text.slice(0, 400).replace(/^\{"Module":"[^"]*","Action":"[^"]*",?/, "{").replace(/\s+/g, " ");
}
