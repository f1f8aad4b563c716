// The dialogs: what can be begun, who has read a message, former versions of
// one, a picture in full, and a question before what can't be undone.

import { namesIn } from "./details.js";
import { avatar, el } from "./dom.js";
import { exactly } from "./format.js";

const $ = (id) => document.getElementById(id);

export class Start {
  #chat;
  #people;
  #page;

  constructor({ chat, people, page }) {
    this.#chat = chat;
    this.#people = people;
    this.#page = page;
    for (const button of document.querySelectorAll("[data-start]")) {
      button.addEventListener("click", () => this.#choose(button.dataset.start));
    }
    for (const button of document.querySelectorAll("dialog .close")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
    for (const dialog of document.querySelectorAll("dialog")) {
      // A click beside the dialog is one on its backdrop.
      dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    }
    $("start-chat").addEventListener("submit", (event) => this.#submit(event, () => this.#begin()));
    $("start-group").addEventListener("submit", (event) => this.#submit(event, () => this.#create()));
    $("start-join").addEventListener("submit", (event) => this.#submit(event, () => this.#join()));
  }

  open(what = "chat") {
    $("start-error").hidden = true;
    this.#choose(what);
    $("start").showModal();
    this.#choose(what);
  }

  #choose(what) {
    for (const button of document.querySelectorAll("[data-start]")) {
      button.setAttribute("aria-selected", String(button.dataset.start === what));
    }
    for (const name of ["chat", "group", "join"]) $(`start-${name}`).hidden = name !== what;
    $("start-error").hidden = true;
    $(`start-${what}`).querySelector("input").focus();
  }

  async #submit(event, act) {
    event.preventDefault();
    $("start-error").hidden = true;
    try {
      const conversation = await act();
      if (!conversation) return;
      $("start").close();
      event.target.reset();
      this.#page.show(conversation);
    } catch (error) {
      $("start-error").textContent = error.message;
      $("start-error").hidden = false;
    }
  }

  #begin() {
    const user = $("start-user").value.trim();
    if (user === this.#chat.me) throw new Error("That is you. Write to somebody else.");
    return this.#chat.withUser(user);
  }

  #create() {
    return this.#people.createGroup({
      name: $("start-name").value.trim(),
      members: namesIn($("start-members").value),
      join: $("start-policy").value,
    });
  }

  async #join() {
    const c = await this.#people.joinGroup($("start-id").value.trim(), $("start-text").value.trim());
    if (c) return c;
    $("start").close();
    this.#page.toast("The admins of the group were asked. It appears here once one of them lets you in.", "good");
    return null;
  }

  // ── The other dialogs ─────────────────────────────────────────────────────

  /** Who has read a message of a group. */
  async readers(c, message) {
    const { ok, value } = await this.#page.attempt(this.#chat.readers(c, message.seq));
    if (!ok) return;
    const users = value.users.filter((user) => user !== this.#chat.me);
    this.#list("Read by", users.length === 0
      ? [el("p", { class: "hint", text: "Nobody has read it yet." })]
      : [el("ul", { class: "people" }, ...users.map((user) => el("li", {}, avatar(user, this.#people.name(user), { small: true }), el("span", { class: "name", text: this.#people.name(user) }))))]);
  }

  /** What an edited message said before. */
  async versions(message) {
    const { ok, value } = await this.#page.attempt(this.#chat.versions(message));
    if (!ok) return;
    this.#list("Former versions", value.versions.map(({ text = "", time }) =>
      el("div", { class: "version" }, el("time", { text: `until ${exactly(time)}` }), el("p", { text }))));
  }

  async picture(message, source) {
    const { ok, value } = await this.#page.attempt(source);
    if (!ok) return;
    this.#list(message.name || "Picture", [el("img", { src: value, alt: message.name || "Picture" })], "wide");
  }

  /** Asks before what can't be undone. */
  confirm(question, label, act) {
    const yes = el("button", { class: "primary danger", text: label, on: { click: () => {
      $("info").close();
      act();
    } } });
    this.#list(question, [el("div", { class: "actions" }, el("button", { text: "Cancel", on: { click: () => $("info").close() } }), yes)], "question");
  }

  #list(title, content, kind = "") {
    $("info").className = `dialog ${kind}`;
    $("info-title").textContent = title;
    $("info-body").replaceChildren(...content);
    $("info").showModal();
  }
}
