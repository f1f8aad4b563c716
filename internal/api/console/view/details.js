// What there is to know of a conversation: the other user, or the group with its
// members, and what can be done with it.

import { avatar, el, icon, iconButton, openMenu } from "./dom.js";
import { dated } from "./format.js";

const $ = (id) => document.getElementById(id);

const ROLES = { owner: "owner", admin: "admin" };
const JOINS = { open: "Anybody can join", approval: "Admins approve who joins", invite: "By invitation" };

export class Details {
  #chat;
  #people;
  #page;
  #conversation = null;
  #members = [];
  #more = false;
  #requests = [];
  #generation = 0;
  #drawn = ""; // what the panel shows now

  constructor({ chat, people, page }) {
    this.#chat = chat;
    this.#people = people;
    this.#page = page;
    $("details-close").addEventListener("click", () => page.toggleDetails(false));
    people.addEventListener("group", ({ detail }) => detail === this.#conversation?.group && this.#load());
  }

  get shown() {
    return !$("details").hidden;
  }

  /** Whether the user is owner or admin of the group, as far as its members are known. */
  isAdmin(c) {
    return c === this.#conversation && this.#role !== "member" && this.#role !== "";
  }

  /** Shows the details of this conversation wherever they are open. */
  show(c) {
    if (this.#conversation === c) return;
    this.#conversation = c;
    this.#members = [];
    this.#requests = [];
    this.#more = false;
    if (c?.kind === "g") this.#load();
    this.redraw();
  }

  redraw() {
    const c = this.#conversation;
    const body = $("details-body");
    if (!c || !this.shown) return;
    const facts = JSON.stringify(this.#facts(c));
    if (this.#drawn === facts) return;
    this.#drawn = facts;
    const focused = document.activeElement?.closest?.("#details-body") && document.activeElement.id;
    const typed = $("invite-users")?.value ?? "";
    body.replaceChildren(...(c.kind === "g" ? this.#group(c) : this.#user(c)).filter(Boolean));
    if ($("invite-users")) $("invite-users").value = typed;
    if (focused) $(focused)?.focus();
  }

  async #load() {
    const c = this.#conversation;
    const generation = ++this.#generation;
    const { ok, value } = await this.#page.attempt(this.#people.members(c.group));
    if (!ok || generation !== this.#generation || c !== this.#conversation) return;
    this.#members = value.members;
    this.#more = Boolean(value.next_cursor);
    if (this.isAdmin(c)) {
      const asked = await this.#page.attempt(this.#people.requests(c.group));
      if (asked.ok && generation === this.#generation) this.#requests = asked.value.requests;
    }
    this.redraw();
  }

  #facts(c) {
    const users = this.#members.map(({ user }) => [this.#people.name(user), this.#people.isOnline(user)]);
    return [
      c.conv, c.peer, this.#people.title(c), this.#people.online.get(c.peer), this.#people.friends.get(c.peer),
      this.#people.groups.get(c.group), this.#members, users, this.#requests, this.#more,
    ];
  }

  get #role() {
    return this.#members.find(({ user }) => user === this.#chat.me)?.role ?? "";
  }

  #user(c) {
    const title = this.#people.title(c);
    const { peer } = c;
    if (!peer) return [el("div", { class: "who" }, avatar(c.kind, title, { kind: c.kind }), el("h3", { text: title })), el("p", { class: "hint", text: "What the server tells its users arrives here." })];
    const bot = peer.startsWith("bot:");
    const platforms = this.#people.online.get(peer) ?? [];
    const friend = this.#people.friends.get(peer);
    const act = (promise) => this.#page.attempt(promise);
    return [
      el("div", { class: "who" }, avatar(peer, title, { online: bot ? undefined : this.#people.isOnline(peer) }), el("h3", { text: title }), el("code", { text: peer })),
      el("p", { class: "hint", text: bot ? "A bot: a program that answers." : platforms.length > 0 ? `Online on ${platforms.join(", ")}` : this.#people.isOnline(peer) === false ? "Offline" : "" }),
      !bot && el("div", { class: "stack" },
        !friend || friend.state === "none" ? el("button", { on: { click: () => act(this.#people.befriend(peer)) } }, icon("add-user"), "Add as a friend") : null,
        friend?.state === "asking" && el("button", { class: "primary", on: { click: () => act(this.#people.answerFriend(peer, true)) } }, icon("tick"), "Accept the request"),
        friend?.state === "asked" && el("p", { class: "hint", text: "Asked to be friends." }),
        friend?.state === "friend" && el("p", { class: "hint", text: "You are friends." }),
        el("button", { class: "danger", on: { click: () => act(this.#people.block(peer, !friend?.blocked)) } }, icon("block"), friend?.blocked ? "Unblock" : "Block")),
    ];
  }

  #group(c) {
    const info = this.#people.groups.get(c.group) ?? { id: c.group, members: this.#members.length };
    const act = (promise) => this.#page.attempt(promise);
    const mayInvite = this.isAdmin(c) || info.join === "open";
    return [
      el("div", { class: "who" }, avatar(c.group, this.#people.title(c), { kind: "g" }), el("h3", { text: this.#people.title(c) }),
        el("button", { class: "id", title: "Copy the group's id", on: { click: () => this.#page.copy(c.group) } }, el("code", { text: c.group }), icon("copy"))),
      info.notice && el("p", { class: "notice-text", text: info.notice }),
      el("p", { class: "hint", text: [JOINS[info.join], info.created && `since ${dated(info.created)}`].filter(Boolean).join(" · ") }),
      this.#requests.length > 0 && el("h4", { text: "Want to join" }),
      this.#requests.length > 0 && el("ul", { class: "people" }, ...this.#requests.map((request) => this.#request(c, request))),
      mayInvite && this.#invite(c),
      el("h4", { text: `${info.members} ${info.members === 1 ? "member" : "members"}` }),
      el("ul", { class: "people", "aria-label": "Members", id: "members" }, ...this.#members.map((member) => this.#member(c, member))),
      this.#more && el("p", { class: "hint", text: `The first ${this.#members.length} are shown.` }),
      el("div", { class: "stack" },
        this.#role === "owner"
          ? el("button", { class: "danger", id: "dismiss", on: { click: () => this.#page.confirm(`Dismiss ${this.#people.title(c)} for everybody?`, "Dismiss", () => act(this.#people.dismissGroup(c))) } }, icon("clear"), "Dismiss the group")
          : el("button", { class: "danger", id: "leave", on: { click: () => this.#page.confirm(`Leave ${this.#people.title(c)}?`, "Leave", () => act(this.#people.leaveGroup(c))) } }, icon("leave"), "Leave the group")),
    ];
  }

  #invite(c) {
    const submit = async (event) => {
      event.preventDefault();
      const users = namesIn($("invite-users").value);
      if (users.length === 0) return;
      const { ok } = await this.#page.attempt(this.#people.invite(c.group, users));
      if (!ok) return;
      $("invite-users").value = "";
      this.#load();
    };
    return el("form", { class: "inline", id: "invite", on: { submit } },
      el("label", { class: "field" }, el("span", { class: "visually-hidden", text: "Users to bring into the group" }),
        el("input", { id: "invite-users", placeholder: "Add users: bob, carol", autocapitalize: "none", spellcheck: "false", autocomplete: "off" })),
      el("button", { type: "submit", text: "Add" }));
  }

  #request(c, { user, text }) {
    const answer = async (accept) => {
      await this.#page.attempt(this.#people.answer(c.group, user, accept));
      this.#load();
    };
    return el("li", {}, avatar(user, this.#people.name(user), { small: true }),
      el("span", { class: "name" }, el("span", { text: this.#people.name(user) }), text && el("small", { text })),
      iconButton("tick", `Let ${user} in`, () => answer(true), "good"), iconButton("close", `Refuse ${user}`, () => answer(false)));
  }

  #member(c, { user, role, muted_until: muted = 0 }) {
    const own = user === this.#chat.me;
    const name = this.#people.name(user);
    const rank = { owner: 3, admin: 2, member: 1 };
    const more = !own && iconButton("more", `Actions for ${name}`, () => openMenu(more, [
      { label: "Write a message", icon: "chat", act: () => this.#page.show(this.#chat.withUser(user)) },
      ...(rank[this.#role] > Math.max(1, rank[role])
        ? [{ label: "Remove from the group", icon: "leave", danger: true, act: async () => {
          await this.#page.attempt(this.#people.removeMember(c.group, user));
          this.#load();
        } }]
        : []),
    ]));
    return el("li", { "data-user": user },
      avatar(user, name, { small: true, online: own || this.#people.isOnline(user) }),
      el("span", { class: "name" }, el("span", { text: own ? `${name} (you)` : name })),
      muted > Date.now() && el("span", { class: "role", text: "muted" }),
      ROLES[role] && el("span", { class: "role", text: ROLES[role] }),
      more);
  }
}

/** User ids out of what somebody typed: with commas or spaces between them. */
export function namesIn(text) {
  return [...new Set(text.split(/[\s,;]+/).filter(Boolean))];
}
