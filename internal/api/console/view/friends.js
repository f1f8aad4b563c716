// The friends, and who asks to be one.

import { moveIn } from "./conversations.js";
import { avatar, el, iconButton, reconcile } from "./dom.js";

const $ = (id) => document.getElementById(id);

export class Friends {
  #chat;
  #people;
  #page;

  constructor({ chat, people, page }) {
    this.#chat = chat;
    this.#people = people;
    this.#page = page;
    $("befriend").addEventListener("submit", (event) => this.#ask(event));
    $("friends").addEventListener("keydown", (event) => moveIn($("friends"), event));
  }

  redraw() {
    const order = { asking: 0, friend: 1, asked: 2, none: 3 };
    const all = [...this.#people.friends.values()].sort((a, b) => order[a.state] - order[b.state] || a.user.localeCompare(b.user));
    reconcile($("friends"), all.map((friend) => ({
      key: friend.user,
      is: JSON.stringify([friend, this.#people.isOnline(friend.user)]),
      make: () => this.#row(friend),
    })));
    $("friends-empty").hidden = all.length > 0;
    const { length } = this.#people.asking;
    $("asking").hidden = length === 0;
    $("asking").textContent = length;
  }

  #row(friend) {
    const { user, state, blocked, text } = friend;
    const name = this.#people.name(user);
    const online = this.#people.isOnline(user);
    const said = blocked ? "blocked" : { asking: text || "wants to be your friend", asked: "was asked", friend: online ? "online" : online === false ? "offline" : "your friend", none: "" }[state];
    const act = (promise) => this.#page.attempt(promise);
    const buttons = {
      asking: [
        iconButton("tick", `Accept ${name}`, () => act(this.#people.answerFriend(user, true)), "good"),
        iconButton("close", `Refuse ${name}`, () => act(this.#people.answerFriend(user, false))),
      ],
      asked: [iconButton("close", `Take back the request to ${name}`, () => act(this.#people.unfriend(user)))],
      friend: [iconButton("close", `Remove ${name} from your friends`, () => act(this.#people.unfriend(user)))],
    }[state] ?? [];
    if (blocked) buttons.push(el("button", { text: "Unblock", on: { click: () => act(this.#people.block(user, false)) } }));
    return el("li", { class: "friend", "data-user": user, "data-state": state },
      el("button", { class: "conversation", on: { click: () => this.#page.show(this.#chat.withUser(user)) } },
        avatar(user, name, { online }),
        el("span", { class: "lines" },
          el("span", { class: "top-line" }, el("strong", { text: name })),
          el("span", { class: "bottom-line" }, el("span", { class: "preview", text: said })))),
      ...buttons);
  }

  async #ask(event) {
    event.preventDefault();
    const user = $("befriend-user").value.trim();
    if (!user) return;
    const { ok } = await this.#page.attempt(this.#people.befriend(user));
    if (ok) $("befriend-user").value = "";
  }
}
