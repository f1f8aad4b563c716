// Where messages are written: text with mentions, files, and changes of a
// message that was sent.

import { el } from "./dom.js";

const $ = (id) => document.getElementById(id);

const PICTURE = /^image\/(png|jpe?g|gif|webp|avif|bmp)$/;
const MAX_FILES = 10; // in one go

export class Composer {
  #chat;
  #people;
  #page;
  #conversation = null;
  #editing = null;
  #members = []; // of the group, to be mentioned
  #field = $("compose");
  #choices = $("mentions");

  constructor({ chat, people, page }) {
    this.#chat = chat;
    this.#people = people;
    this.#page = page;
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener("input", () => this.#typed());
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.#field.addEventListener("paste", (event) => this.#pasted(event));
    this.#field.addEventListener("blur", () => setTimeout(() => (this.#choices.hidden = true), 150));
    $("attach").addEventListener("click", () => $("files").click());
    $("files").addEventListener("change", ({ target }) => {
      this.#attach([...target.files]);
      target.value = "";
    });
    $("edit-cancel").addEventListener("click", () => this.#stopEditing());
    const talk = $("talk");
    talk.addEventListener("dragover", (event) => {
      if (!this.#conversation || !event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      talk.classList.add("dropping");
    });
    talk.addEventListener("dragleave", (event) => !talk.contains(event.relatedTarget) && talk.classList.remove("dropping"));
    talk.addEventListener("drop", (event) => {
      talk.classList.remove("dropping");
      if (event.dataTransfer.files.length === 0) return;
      event.preventDefault();
      this.#attach([...event.dataTransfer.files]);
    });
  }

  /** Writes to this conversation from now on. */
  show(c, { focus = true } = {}) {
    if (this.#conversation === c) return;
    this.#stopEditing(false);
    if (this.#conversation) this.#conversation.draft = this.#field.value;
    this.#conversation = c;
    this.#members = [];
    this.#field.value = c?.draft ?? "";
    const writable = c && (c.kind === "s" || c.kind === "g");
    $("composer").hidden = !writable;
    this.#fit();
    if (c?.kind === "g") this.#learn(c);
    if (writable && focus) this.#field.focus();
  }

  /** Changes a message that was sent. */
  edit(message) {
    if (!message) return;
    if (!this.#editing && this.#conversation) this.#conversation.draft = this.#field.value;
    this.#editing = message;
    $("editing").hidden = false;
    this.#field.value = message.text;
    this.#fit();
    this.#field.focus();
  }

  #stopEditing(restore = true) {
    if (!this.#editing) return;
    this.#editing = null;
    $("editing").hidden = true;
    if (!restore) return;
    this.#field.value = this.#conversation?.draft ?? "";
    this.#fit();
    this.#field.focus();
  }

  async #submit() {
    const c = this.#conversation;
    const text = this.#field.value.trim();
    if (!c || !text) return;
    const message = this.#editing;
    if (message) {
      const { ok } = await this.#page.attempt(this.#chat.edit(c, message, { text, mention: this.#mentioned(text) }));
      if (ok) this.#stopEditing();
      return;
    }
    if (!this.#queue({ body: { type: "text", text }, mention: this.#mentioned(text) })) return;
    c.draft = this.#field.value = "";
    this.#fit();
  }

  #queue(message) {
    const ttl = Number($("ttl").value);
    try {
      this.#chat.send(this.#conversation, { ...message, ttl });
    } catch (error) {
      this.#page.toast(error.message);
      return false;
    }
    this.#page.sent();
    return true;
  }

  #attach(files) {
    if (!this.#conversation) return;
    if (files.length > MAX_FILES) this.#page.toast(`Only the first ${MAX_FILES} files are sent.`);
    for (const file of files.slice(0, MAX_FILES)) {
      if (file.size === 0) this.#page.toast(`${file.name} is empty.`);
      else this.#queue({ file, body: { type: typeOf(file), name: file.name, size: file.size } });
    }
    this.#field.focus();
  }

  #pasted(event) {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    this.#attach(files);
  }

  #typed() {
    this.#fit();
    this.#suggest();
    if (this.#conversation && !this.#editing && this.#field.value.trim()) this.#chat.typing(this.#conversation);
  }

  #key(event) {
    if (event.isComposing) return;
    if (!this.#choices.hidden && this.#choose(event)) return;
    if (event.key === "Escape" && this.#editing) {
      event.preventDefault();
      event.stopPropagation();
      this.#stopEditing();
    } else if (event.key === "ArrowUp" && this.#field.value.trim() === "" && !this.#editing) {
      event.preventDefault();
      this.edit(this.#page.lastOwn());
    } else if (event.key === "Enter" && !event.shiftKey && !matchMedia("(pointer: coarse)").matches) {
      event.preventDefault();
      this.#submit();
    }
  }

  // The field is as high as its text, to a bound that CSS sets.
  #fit() {
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight + 2}px`;
    $("send").disabled = this.#field.value.trim() === "";
  }

  // ── Mentions ──────────────────────────────────────────────────────────────

  async #learn(c) {
    try {
      const { members } = await this.#people.members(c.group);
      if (this.#conversation === c) this.#members = members.map(({ user }) => user).filter((user) => user !== this.#chat.me);
    } catch {
      // Then nobody is offered; a name that is typed is sent all the same.
    }
  }

  #mentioned(text) {
    if (this.#conversation.kind !== "g") return [];
    const named = new Set([...text.matchAll(/(?:^|\s)@([\w.:-]+)/g)].map(([, name]) => name));
    if (named.has("all")) return ["*"];
    return this.#members.filter((user) => named.has(user));
  }

  #word() {
    const { value, selectionStart } = this.#field;
    return /(?:^|\s)@([\w.:-]*)$/.exec(value.slice(0, selectionStart))?.[1];
  }

  #suggest() {
    const word = this.#word()?.toLowerCase();
    const fits = word === undefined || this.#members.length === 0
      ? []
      : [...this.#members, "all"].filter((user) => user.toLowerCase().startsWith(word)).slice(0, 6);
    // A name that is whole needs no choice, and Enter sends it.
    this.#choices.hidden = fits.length === 0 || fits.some((user) => user.toLowerCase() === word);
    this.#choices.replaceChildren(...fits.map((user, index) => el("li", {
      role: "option", id: `mention-${index}`, "aria-selected": String(index === 0), "data-user": user, text: `@${user}`,
      on: { mousedown: (event) => { event.preventDefault(); this.#insert(user); } },
    })));
    this.#point();
  }

  #point() {
    const chosen = this.#choices.hidden ? null : this.#choices.querySelector('[aria-selected="true"]');
    if (chosen) this.#field.setAttribute("aria-activedescendant", chosen.id);
    else this.#field.removeAttribute("aria-activedescendant");
  }

  // Keys while names are offered; reports whether it took one.
  #choose(event) {
    const options = [...this.#choices.children];
    const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const next = (at + step + options.length) % options.length;
      options.forEach((option, index) => option.setAttribute("aria-selected", String(index === next)));
      this.#point();
    } else if (event.key === "Enter" || event.key === "Tab") {
      this.#insert(options[at].dataset.user);
    } else if (event.key === "Escape") {
      this.#choices.hidden = true;
      event.stopPropagation();
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  #insert(user) {
    const { selectionStart } = this.#field;
    this.#field.setRangeText(`${user} `, selectionStart - this.#word().length, selectionStart, "end");
    this.#choices.hidden = true;
    this.#point();
    this.#typed();
  }
}

function typeOf({ type }) {
  if (PICTURE.test(type)) return "img";
  if (type.startsWith("audio/")) return "voice";
  return type.startsWith("video/") ? "video" : "file";
}
