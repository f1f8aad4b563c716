// The list of conversations, and what is found in it and in the messages.

import { avatar, el, icon, reconcile } from "./dom.js";
import { shortly, summary } from "./format.js";

const $ = (id) => document.getElementById(id);

const SEARCH_AFTER = 300;

export class Conversations {
  #chat;
  #people;
  #page;
  #list = $("conversations");
  #found = []; // messages
  #timer = 0;
  #asked = 0;

  constructor({ chat, people, page }) {
    this.#chat = chat;
    this.#people = people;
    this.#page = page;
    $("find").addEventListener("input", () => this.#search());
    $("find").addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || $("find").value === "") return;
      event.preventDefault();
      $("find").value = "";
      this.#search();
    });
    for (const list of [this.#list, $("found")]) list.addEventListener("keydown", (event) => moveIn(list, event));
  }

  /** Draws the list; chosen is the conversation that is open. */
  redraw(chosen) {
    const words = $("find").value.trim().toLowerCase();
    const all = this.#chat.list();
    const shown = all.filter((c) => this.#people.title(c).toLowerCase().includes(words));
    reconcile(this.#list, shown.map((c) => {
      const is = JSON.stringify(this.#facts(c, c === chosen));
      return { key: c.conv || c.peer, is, make: () => this.#row(c, c === chosen) };
    }));
    this.#reachable();
    $("conversations-empty").hidden = all.length > 0 || !this.#chat.ready;
    $("found-none").hidden = words === "" || shown.length > 0 || this.#found.length > 0;
    this.#drawFound(words);
  }

  #facts(c, chosen) {
    const { last, unread, mentioned, lastTime } = c;
    const online = c.kind === "s" ? this.#people.isOnline(c.peer) : undefined;
    const typing = typists(c, this.#people);
    return [this.#people.title(c), last?.seq, last?.edited, last?.type, unread, mentioned, shortly(lastTime), online, typing, chosen, c.draft, this.#mark(c), this.#waiting(c).length];
  }

  #waiting(c) {
    return this.#chat.outbox.entries.filter(({ conversation }) => conversation === c);
  }

  #mark(c) {
    const waiting = this.#waiting(c);
    if (waiting.some(({ state }) => state === "refused")) return "alert";
    if (waiting.length > 0) return "clock";
    if (c.kind !== "s" || c.last?.from !== this.#chat.me || c.last.type === "recalled") return "";
    return c.last.seq <= c.peerRead ? "read" : c.last.seq <= c.peerGot ? "ticks" : "tick";
  }

  #row(c, chosen) {
    const title = this.#people.title(c);
    const online = c.kind === "s" && !c.peer.startsWith("bot:") ? this.#people.isOnline(c.peer) : undefined;
    const typing = typists(c, this.#people);
    const mark = this.#mark(c);
    const line = el("span", { class: "preview" });
    if (typing) line.append(el("em", { class: "typing", text: "typing…" }));
    else if (c.draft && !chosen) line.append(el("em", { text: "Draft: " }), c.draft);
    else line.append(this.#preview(c));
    const tick = mark && icon(mark === "read" ? "ticks" : mark, { alert: "Not sent", clock: "Sending", read: "Read", ticks: "Delivered", tick: "Sent" }[mark]);
    if (tick) tick.classList.add("tick", mark);
    const badges = [
      c.mentioned && el("span", { class: "badge-count at", "aria-label": "You were mentioned", text: "@" }),
      c.unread > 0 && el("span", { class: "badge-count", "aria-label": `${c.unread} unread`, text: c.unread > 99 ? "99+" : c.unread }),
    ];
    return el("li", {}, el("button", {
      class: c.unread > 0 ? "conversation unread" : "conversation", "aria-current": chosen ? "true" : undefined, tabindex: "-1",
      "data-conv": c.conv, on: { click: () => this.#page.show(c) },
    },
    avatar(c.peer || c.group || c.kind, title, { online, kind: c.kind }),
    el("span", { class: "lines" },
      el("span", { class: "top-line" }, el("strong", { text: title }), c.lastTime > 0 && el("time", { text: shortly(c.lastTime) })),
      el("span", { class: "bottom-line" }, tick || null, line, ...badges))));
  }

  #preview(c) {
    const waiting = this.#waiting(c).at(-1);
    if (waiting) return summary({ ...waiting.body, from: this.#chat.me }, this.#people);
    if (!c.last) return c.kind === "g" ? "No messages yet" : "";
    const text = summary(c.last, this.#people);
    if (c.kind !== "g" || c.last.type === "notice") return text;
    return `${c.last.from === this.#chat.me ? "You" : this.#people.name(c.last.from)}: ${text}`;
  }

  // ── Search ────────────────────────────────────────────────────────────────

  #search() {
    this.#found = [];
    this.#page.redraw();
    clearTimeout(this.#timer);
    const words = $("find").value.trim();
    const asked = ++this.#asked;
    if (words.length < 2 || !this.#chat.ready) return;
    this.#timer = setTimeout(async () => {
      const { ok, value } = await this.#page.attempt(this.#chat.search(words));
      if (!ok || asked !== this.#asked) return;
      this.#found = value.messages;
      this.#page.redraw();
    }, SEARCH_AFTER);
  }

  #drawFound(words) {
    $("found-title").hidden = this.#found.length === 0;
    reconcile($("found"), this.#found.map((message) => ({
      key: message.id, is: words, make: () => this.#result(message, words),
    })));
  }

  #result(message, words) {
    const c = this.#chat.get(message.conv);
    const title = c ? this.#people.title(c) : message.conv;
    return el("li", {}, el("button", {
      class: "conversation hit", on: { click: () => this.#page.reveal(message) },
    },
    avatar(c?.peer || c?.group || message.conv, title, { kind: c?.kind, small: true }),
    el("span", { class: "lines" },
      el("span", { class: "top-line" }, el("strong", { text: title }), el("time", { text: shortly(message.time) })),
      el("span", { class: "bottom-line" }, el("span", { class: "preview" },
        message.from === this.#chat.me ? "You: " : `${this.#people.name(message.from)}: `, ...marked(summary(message, this.#people), words))))));
  }

  #reachable() {
    const buttons = [...this.#list.querySelectorAll("button")];
    if (buttons.some(({ tabIndex }) => tabIndex === 0)) return;
    const first = buttons.find((button) => button.getAttribute("aria-current")) ?? buttons[0];
    if (first) first.tabIndex = 0;
  }
}

/** Who is typing now, in one line; "" for nobody. */
export function typists(c, people) {
  const now = performance.now();
  for (const [user, until] of c.typing) if (until < now) c.typing.delete(user);
  const users = [...c.typing.keys()];
  if (users.length === 0) return "";
  if (c.kind === "s") return "typing…";
  if (users.length > 2) return `${users.length} people are typing…`;
  return `${users.map((user) => people.name(user)).join(" and ")} ${users.length === 1 ? "is" : "are"} typing…`;
}

// The words that were looked for, where they stand in a text.
function marked(text, words) {
  const at = text.toLowerCase().indexOf(words.split(/\s+/)[0]);
  if (at < 0) return [text];
  const from = Math.max(0, at - 24);
  const length = words.split(/\s+/)[0].length;
  return [from > 0 ? "…" : "", text.slice(from, at), el("mark", { text: text.slice(at, at + length) }), text.slice(at + length)];
}

/** The arrow keys go from button to button of a list, which is one stop of the Tab key. */
export function moveIn(list, event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const buttons = [...list.querySelectorAll("button.conversation")];
  const next = buttons[buttons.indexOf(event.target.closest("button")) + step];
  event.preventDefault();
  if (!next) return;
  for (const button of buttons) button.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
