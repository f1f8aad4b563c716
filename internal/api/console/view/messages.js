// The messages of one conversation: in order, paged back when scrolled, kept at
// the end while the reader is there.

import { Bubbles } from "./bubble.js";
import { openMenu, reconcile } from "./dom.js";
import { day, sameDay } from "./format.js";

const $ = (id) => document.getElementById(id);

const SIGNS = ["👍", "❤️", "😂", "🎉", "😮", "🙏"];
const BLOCK = 5 * 60_000; // messages of one sender within this stand together
const NEAR = 300; // pixels from the top at which older ones are fetched
const END = 60;

export class Messages {
  #chat;
  #people;
  #page; // what the page does for messages: attempt, edit, showReaders, open, save
  #bubbles;
  #conversation = null;
  #marker = 0; // what came after it was unread when the conversation was opened
  #stuck = true;
  #below = 0; // messages that came while the reader was further up
  #high = 0;
  #list = $("messages");
  #asked = 0; // the last own message whose readers were asked for
  #readTimer = 0;

  constructor({ chat, people, api, page }) {
    this.#chat = chat;
    this.#people = people;
    this.#page = page;
    this.#bubbles = new Bubbles({
      people, api,
      me: () => chat.me,
      act: {
        menu: (m, anchor) => this.#menu(m, anchor),
        react: (m, sign, on) => page.attempt(chat.react(this.#conversation, m, sign, on)),
        readers: (m) => page.showReaders(this.#conversation, m),
        retry: (entry) => chat.outbox.retry(entry),
        drop: (entry) => chat.outbox.drop(entry),
        open: (m) => page.open(m),
        save: (m) => page.save(m),
        loaded: () => this.#stuck && this.#toEnd(),
      },
    });
    this.#list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#list.addEventListener("keydown", (event) => this.#moved(event));
    this.#list.addEventListener("contextmenu", (event) => this.#context(event));
    new ResizeObserver(() => this.#stuck && this.#toEnd()).observe(this.#list);
    $("newer").addEventListener("click", () => this.#toEnd());
    document.addEventListener("visibilitychange", () => this.#read());
  }

  /** Shows a conversation, from its end; null shows none. */
  async show(c) {
    if (this.#conversation === c) return this.#toEnd();
    this.#conversation?.trim();
    this.#conversation = c;
    this.#list.replaceChildren();
    this.#stuck = true;
    this.#below = this.#high = this.#asked = 0;
    this.#marker = c && c.unread > 0 ? Math.max(c.readSeq, c.maxSeq - c.unread) : 0;
    this.redraw();
    if (!c) return undefined;
    await this.#page.attempt(this.#chat.load(c));
    this.redraw();
    return undefined;
  }

  /** Draws what changed. */
  redraw() {
    const c = this.#conversation;
    const list = this.#list;
    if (!c) return list.replaceChildren();
    const { scrollHeight, scrollTop } = list;
    const first = list.firstElementChild?.itemKey;
    reconcile(list, this.#items(c));
    const came = c.messages.filter(({ seq, from }) => seq > this.#high && from !== this.#chat.me).length;
    if (this.#high > 0 && !this.#stuck) this.#below += came;
    this.#high = Math.max(this.#high, c.high);
    if (this.#stuck) this.#toEnd();
    else if (list.firstElementChild?.itemKey !== first) list.scrollTop = scrollTop + list.scrollHeight - scrollHeight;
    $("newer").hidden = this.#stuck;
    $("newer").textContent = this.#below > 0 ? `↓ ${this.#below} new` : "↓";
    $("talk-empty").hidden = !c.loaded || list.childElementCount > 0;
    this.#reachable();
    this.#read();
    this.#askReaders(c);
    // A page that doesn't fill the screen can't be scrolled.
    if (c.loaded && !c.complete && list.scrollHeight <= list.clientHeight + NEAR) this.#older();
    return undefined;
  }

  /** Goes to the end, as after sending. */
  follow() {
    this.#marker = 0;
    this.#toEnd();
  }

  /** Goes to one message, back as far as it takes. */
  async reveal(c, seq) {
    await this.show(c);
    const { ok, value } = await this.#page.attempt(this.#chat.reach(c, seq));
    if (!ok || this.#conversation !== c) return false;
    this.redraw();
    const item = value && this.#list.querySelector(`[data-seq="${seq}"]`);
    if (!item) return false;
    this.#stuck = false;
    item.scrollIntoView({ block: "center" });
    this.#focus(item);
    item.focus({ preventScroll: true });
    item.classList.add("found");
    setTimeout(() => item.classList.remove("found"), 2_000);
    return true;
  }

  /** The user's latest text that could still be edited. */
  lastOwn() {
    return this.#conversation?.messages.findLast(({ from, type }) => from === this.#chat.me && type === "text");
  }

  /** Everything is read once it was on a screen that somebody could see. */
  #read() {
    const c = this.#conversation;
    if (!c || !c.loaded || c.unread === 0 && c.readSeq >= c.maxSeq) return;
    if (this.#stuck && document.visibilityState === "visible" && this.#list.checkVisibility()) this.#chat.read(c);
  }

  #items(c) {
    const items = [];
    const { me } = this.#chat;
    const group = c.kind === "g";
    const lastOwn = group ? c.messages.findLast(({ from, type }) => from === me && type !== "notice")?.seq : 0;
    const waiting = this.#chat.outbox.entries.filter(({ conversation }) => conversation === c);
    c.messages.forEach((m, index) => {
      const before = c.messages[index - 1];
      const after = c.messages[index + 1] ?? (waiting[0] && { from: me, time: waiting[0].time, type: "text" });
      if (!before || !sameDay(before.time, m.time)) {
        const text = day(m.time);
        items.push({ key: `day ${m.seq}`, is: text, make: () => this.#bubbles.line(text) });
      }
      if (this.#marker > 0 && m.seq > this.#marker && (!before || before.seq <= this.#marker) && m.from !== me) {
        items.push({ key: "unread", is: "", make: () => this.#divider() });
      }
      const own = m.from === me;
      const shown = {
        own, group,
        first: !together(before, m) || (before.seq <= this.#marker && m.seq > this.#marker),
        last: !together(m, after),
        status: own && m.type !== "recalled" && m.type !== "gone" ? this.#status(c, m, m.seq === lastOwn) : undefined,
      };
      const is = JSON.stringify([m, shown, group && !own && this.#people.name(m.from)]);
      items.push({ key: m.client_id ? `c ${m.client_id}` : `m ${m.seq}`, is, make: () => this.#bubbles.message(m, shown) });
    });
    waiting.forEach((entry, index) => {
      const before = index > 0 ? waiting[index - 1] : c.messages.at(-1);
      const shown = {
        first: !before || ("seq" in before && !together(before, { from: me, time: entry.time, type: "text" })),
        last: index === waiting.length - 1,
      };
      const { id, state, error, progress, body } = entry;
      const is = JSON.stringify([state, error, Math.round(progress * 20), body, shown]);
      items.push({ key: `c ${id}`, is, make: () => this.#bubbles.pending(entry, shown) });
    });
    return items;
  }

  #status(c, m, isLast) {
    if (c.kind === "s") return { tick: m.seq <= c.peerRead ? "read" : m.seq <= c.peerGot ? "delivered" : "sent" };
    if (c.kind !== "g") return { tick: "sent" };
    const known = [...c.readers].filter(([user, seq]) => user !== this.#chat.me && seq >= m.seq).length;
    const readers = Math.max(known, c.readBy?.seq === m.seq ? c.readBy.total : 0);
    return { tick: readers > 0 ? "read" : "sent", ...(isLast && { readers }) };
  }

  // How many have read the user's last message in a group.
  async #askReaders(c) {
    if (c.kind !== "g") return;
    const last = c.messages.findLast(({ from, type }) => from === this.#chat.me && type !== "notice");
    if (!last || last.seq === this.#asked) return;
    this.#asked = last.seq;
    try {
      const { users = [], total = users.length } = await this.#chat.readers(c, last.seq);
      for (const user of users) c.readers.set(user, Math.max(last.seq, c.readers.get(user) ?? 0));
      c.readBy = { seq: last.seq, total: total - (users.includes(this.#chat.me) ? 1 : 0) };
      if (this.#conversation === c) this.redraw();
    } catch {
      this.#asked = 0; // the next change asks again
    }
  }

  #divider() {
    const line = this.#bubbles.line("New messages");
    line.classList.add("unread");
    return line;
  }

  #menu(m, anchor) {
    const c = this.#conversation;
    const { me } = this.#chat;
    const own = m.from === me;
    const attempt = (promise) => this.#page.attempt(promise);
    const items = [];
    if (m.type === "text") items.push({ label: "Copy text", icon: "copy", act: () => this.#page.copy(m.text) });
    if (own && m.type === "text") items.push({ label: "Edit", icon: "edit", act: () => this.#page.edit(c, m) });
    if (c.kind === "g" && own && m.type !== "recalled") items.push({ label: "Who has read it", icon: "eye", act: () => this.#page.showReaders(c, m) });
    if (m.edited) items.push({ label: "Former versions", icon: "clock", act: () => this.#page.showVersions(m) });
    const mayRecall = own || this.#page.isAdmin(c);
    if (mayRecall && m.type !== "recalled") items.push({ label: "Recall for everybody", icon: "undo", danger: true, act: () => attempt(this.#chat.recall(c, m)) });
    items.push({ label: "Delete for me", icon: "clear", danger: true, act: () => attempt(this.#chat.remove(c, m)) });
    const signs = m.type === "recalled" ? [] : SIGNS;
    openMenu(anchor, items, {
      signs,
      sign: (sign) => {
        const mine = m.reactions?.some((one) => one.sign === sign && one.users?.includes(me));
        attempt(this.#chat.react(c, m, sign, !mine));
      },
    });
  }

  #context(event) {
    const more = event.target.closest(".message")?.querySelector(".more");
    if (!more || event.target.closest("a") || getSelection().toString()) return;
    event.preventDefault();
    more.click();
  }

  // ── Scrolling and keys ────────────────────────────────────────────────────

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    this.#stuck = scrollHeight - scrollTop - clientHeight < END;
    if (this.#stuck) this.#below = 0;
    $("newer").hidden = this.#stuck;
    $("newer").textContent = this.#below > 0 ? `↓ ${this.#below} new` : "↓";
    clearTimeout(this.#readTimer);
    if (this.#stuck) this.#readTimer = setTimeout(() => this.#read(), 100);
    if (scrollTop < NEAR) this.#older();
  }

  async #older() {
    const c = this.#conversation;
    if (!c?.loaded || c.complete || c.loading) return;
    $("older").hidden = false;
    await this.#page.attempt(this.#chat.older(c));
    $("older").hidden = true;
  }

  #toEnd() {
    this.#stuck = true;
    this.#below = 0;
    this.#list.scrollTop = this.#list.scrollHeight;
    $("newer").hidden = true;
  }

  // The arrow keys go from message to message; Enter opens a message's menu.
  #moved(event) {
    const item = event.target.closest?.(".message");
    if (!item || event.target.closest("audio, video")) return;
    if (event.target === item && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      item.querySelector(".more")?.click();
      return;
    }
    const items = [...this.#list.querySelectorAll(".message")];
    const to = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!to) return;
    event.preventDefault();
    const next = items[items.indexOf(item) + to];
    if (!next) return;
    this.#focus(next);
    next.focus();
  }

  #focus(item) {
    for (const other of this.#list.querySelectorAll('.message[tabindex="0"]')) other.tabIndex = -1;
    item.tabIndex = 0;
  }

  // The list is one stop of the Tab key: the message that was last visited, or the newest.
  #reachable() {
    if (this.#list.querySelector('.message[tabindex="0"]')) return;
    const items = this.#list.querySelectorAll(".message");
    if (items.length > 0) items[items.length - 1].tabIndex = 0;
  }
}

function together(a, b) {
  return Boolean(a && b) && a.from === b.from && a.type !== "notice" && b.type !== "notice" && Math.abs(b.time - a.time) < BLOCK && sameDay(a.time, b.time);
}
