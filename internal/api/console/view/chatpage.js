// The messenger: puts its views together and says what is shown.

import { isSafe } from "../api.js";
import { Composer } from "./composer.js";
import { Conversations, typists } from "./conversations.js";
import { Details } from "./details.js";
import { avatar, el } from "./dom.js";
import { Friends } from "./friends.js";
import { Messages } from "./messages.js";
import { Start } from "./start.js";

const $ = (id) => document.getElementById(id);

export class ChatPage {
  #chat;
  #people;
  #api;
  #shell;
  #conversation = null;
  #views;
  #scheduled = false;

  /** shell is the page around it: attempt, toast, copy, unread. */
  constructor({ chat, people, api, shell }) {
    this.#chat = chat;
    this.#people = people;
    this.#api = api;
    this.#shell = shell;
    const parts = { chat, people, api, page: this };
    this.#views = {
      list: new Conversations(parts),
      friends: new Friends(parts),
      messages: new Messages(parts),
      composer: new Composer(parts),
      details: new Details(parts),
      start: new Start(parts),
    };
    for (const name of ["change", "state"]) chat.addEventListener(name, () => this.redraw());
    people.addEventListener("change", () => this.redraw());
    people.addEventListener("left", ({ detail }) => this.#left(detail));
    chat.addEventListener("problem", ({ detail }) => shell.toast(detail.message));
    $("new").addEventListener("click", () => this.#views.start.open());
    $("new-first").addEventListener("click", () => this.#views.start.open());
    $("back").addEventListener("click", () => this.show(null));
    $("talk-who").addEventListener("click", () => this.toggleDetails());
    $("details-open").addEventListener("click", () => this.toggleDetails());
    for (const button of document.querySelectorAll("[data-side]")) {
      button.addEventListener("click", () => this.#side(button.dataset.side));
    }
    $("messenger").addEventListener("keydown", (event) => this.#key(event));
    setInterval(() => this.redraw(), 60_000); // times grow older
  }

  /** Shows a conversation, or on a phone the list. */
  show(c) {
    const before = this.#conversation;
    this.#conversation = c;
    $("messenger").dataset.pane = c ? "talk" : "list";
    $("talk").hidden = !c;
    $("no-talk").hidden = Boolean(c);
    this.#views.messages.show(c);
    this.#views.composer.show(c, { focus: !matchMedia("(pointer: coarse)").matches });
    this.#views.details.show(c);
    if (!c) this.toggleDetails(false);
    this.redraw();
    if (!c && before) $("conversations").querySelector(`[tabindex="0"]`)?.focus();
  }

  /** Shows a message that was found. */
  async reveal({ conv, seq }) {
    const c = this.#chat.get(conv);
    if (!c) return;
    if (c !== this.#conversation) this.show(c);
    if (!(await this.#views.messages.reveal(c, seq))) this.toast("That message is too far back to be shown here.");
  }

  /** Draws everything once for all that changed in a moment. */
  redraw() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  #draw() {
    const c = this.#conversation;
    this.#views.messages.redraw();
    this.#views.list.redraw(c);
    this.#views.friends.redraw();
    this.#views.details.redraw();
    $("own").replaceChildren(...(this.#chat.me ? [avatar(this.#chat.me, this.#chat.me, { online: this.#chat.ready, small: true }), el("strong", { text: this.#chat.me })] : []));
    $("unavailable").hidden = this.#chat.available;
    this.#shell.unread(this.#chat.unread);
    if (!c) return;
    const title = this.#people.title(c);
    const is = JSON.stringify([title, c.peer, c.group, this.#people.isOnline(c.peer)]);
    if ($("talk-avatar").itemIs !== is) {
      const online = c.kind === "s" && !c.peer.startsWith("bot:") ? this.#people.isOnline(c.peer) : undefined;
      $("talk-avatar").replaceChildren(avatar(c.peer || c.group || c.kind, title, { online, kind: c.kind }));
      $("talk-avatar").itemIs = is;
    }
    $("talk-title").textContent = title;
    $("talk-state").textContent = typists(c, this.#people) || this.#state(c);
  }

  #state(c) {
    if (c.kind === "g") {
      const members = this.#people.groups.get(c.group)?.members;
      return members ? `${members} ${members === 1 ? "member" : "members"}` : "Group";
    }
    if (c.kind !== "s") return "From the server";
    if (c.peer.startsWith("bot:")) return "Bot";
    const online = this.#people.isOnline(c.peer);
    return online === undefined ? "" : online ? "Online" : "Offline";
  }

  #left({ conversation, by }) {
    if (by && by !== this.#chat.me) this.toast(`You are no longer in ${conversation.group}.`);
    if (this.#conversation === conversation) this.show(null);
  }

  #side(name) {
    for (const button of document.querySelectorAll("[data-side]")) {
      button.setAttribute("aria-selected", String(button.dataset.side === name));
    }
    $("side-chats").hidden = name !== "chats";
    $("side-people").hidden = name !== "people";
    if (name === "people") this.attempt(this.#people.refreshFriends());
  }

  #key(event) {
    if (event.key !== "Escape" || document.querySelector("dialog[open], :popover-open")) return;
    if (this.#views.details.shown) this.toggleDetails(false);
    else if (this.#conversation && matchMedia("(max-width: 719.98px)").matches) this.show(null);
  }

  // ── What the views ask of the page ────────────────────────────────────────

  toggleDetails(on = $("details").hidden) {
    $("details").hidden = !on;
    $("details-open").setAttribute("aria-pressed", String(on));
    $("messenger").classList.toggle("with-details", on);
    this.#views.details.redraw();
  }

  isAdmin(c) {
    return this.#views.details.isAdmin(c);
  }

  edit(c, message) {
    this.#views.composer.edit(message);
  }

  sent() {
    this.#views.messages.follow();
  }

  lastOwn() {
    return this.#views.messages.lastOwn();
  }

  showReaders(c, message) {
    return this.#views.start.readers(c, message);
  }

  showVersions(message) {
    return this.#views.start.versions(message);
  }

  confirm(question, label, act) {
    this.#views.start.confirm(question, label, act);
  }

  open(message) {
    return this.#views.start.picture(message, this.#api.source(message.url));
  }

  async save(message) {
    const { ok, value } = await this.attempt(this.#api.source(message.url));
    if (!ok || !(isSafe(value) || value.startsWith("blob:"))) return;
    const link = el("a", { href: value, download: message.name ?? "", rel: "noopener" });
    link.click();
  }

  attempt(promise) {
    return this.#shell.attempt(promise);
  }

  toast(text, kind) {
    this.#shell.toast(text, kind);
  }

  copy(text) {
    return this.#shell.copy(text);
  }
}
