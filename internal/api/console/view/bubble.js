// One message as an element.

import { isOwnFile, isSafe } from "../api.js";
import { bytes } from "../log.js";
import { avatar, el, icon } from "./dom.js";
import { clock, duration, exactly, notice } from "./format.js";

const LINK = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/g;
const MENTION = /(^|\s)(@[\w.:-]+)/g;
const MAX_SIDE = 320;

/** What a bubble needs beside its message. */
export class Bubbles {
  #people;
  #api;
  #act; // { menu(message, anchor), react(message, sign, on), retry(entry), drop(entry), readers(message), loaded() }
  #me;

  constructor({ people, api, me, act }) {
    this.#people = people;
    this.#api = api;
    this.#act = act;
    this.#me = me;
  }

  /** A message; shown says how: { own, first, last, group, status }. */
  message(m, { own, first, last, group, status }) {
    if (m.type === "notice") return this.line(notice(m, this.#people), m.time, m.seq);
    const away = m.type === "recalled" || m.type === "gone";
    const bubble = el("div", { class: away ? "bubble away" : "bubble", "data-type": m.type });
    bubble.append(...this.#content(m));
    bubble.append(this.#meta(m, own, status));
    const column = el("div", { class: "column" });
    if (group && !own && first) column.append(el("span", { class: "author", text: this.#people.name(m.from) }));
    column.append(bubble);
    if (m.reactions?.length > 0) column.append(this.#reactions(m));
    if (status?.readers !== undefined) column.append(this.#readers(m, status.readers));
    const item = el("li", {
      class: ["message", own && "own", first && "first", last && "last"].filter(Boolean).join(" "),
      "data-seq": m.seq, "data-from": m.from, tabindex: "-1",
    });
    if (group && !own) item.append(last ? avatar(m.from, this.#people.name(m.from), { small: true }) : el("span", { class: "avatar small none" }));
    item.append(column);
    if (!away || m.type === "recalled") {
      const more = el("button", {
        class: "icon more", "aria-label": "Actions for this message", "aria-haspopup": "menu", tabindex: "-1",
        on: { click: () => this.#act.menu(m, more) },
      }, icon("more"));
      item.append(more);
    }
    return item;
  }

  /** A message that is on its way. */
  pending(entry, { first, last }) {
    const { body, file, state, error, progress } = entry;
    const shown = file && !body.url ? { ...body, local: file } : body;
    const bubble = el("div", { class: "bubble", "data-type": body.type }, ...this.#content(shown));
    const label = state === "refused" ? "Not sent" : file && progress > 0 && progress < 1 ? `${Math.round(progress * 100)} %` : "Sending";
    bubble.append(el("span", { class: "meta" }, el("time", { text: clock(entry.time) }), icon(state === "refused" ? "alert" : "clock", label)));
    const column = el("div", { class: "column" }, bubble);
    if (state === "refused") {
      column.append(el("div", { class: "refused" },
        el("span", { text: error, role: "alert" }),
        el("button", { text: "Try again", on: { click: () => this.#act.retry(entry) } }),
        el("button", { text: "Discard", on: { click: () => this.#act.drop(entry) } })));
    }
    return el("li", {
      class: ["message own pending", first && "first", last && "last"].filter(Boolean).join(" "),
      "data-state": state, "data-client": entry.id, tabindex: "-1",
    }, column);
  }

  /** A line between the messages. */
  line(text, time, seq) {
    return el("li", { class: "line", "data-seq": seq, title: time ? exactly(time) : undefined }, el("span", { text }));
  }

  #content(m) {
    switch (m.type) {
      case "text":
        return [this.#text(m.text)];
      case "img":
        return [this.#picture(m)];
      case "voice":
        return [this.#player("audio", m)];
      case "video":
        return [this.#player("video", m)];
      case "file":
        return [this.#file(m)];
      case "recalled":
        return [el("em", { text: m.from === this.#me() ? "You recalled this message" : "Message recalled" })];
      case "gone":
        return [el("em", { text: "Message deleted" })];
      default:
        if (typeof m.data?.text === "string" && Object.keys(m.data).length === 1) return [this.#text(m.data.text)];
        return [el("pre", { class: "data", text: JSON.stringify(m.data ?? {}, null, 2) })];
    }
  }

  // Text with links and mentions in it.
  #text(text = "") {
    const out = el("span", { class: "text", dir: "auto" });
    let at = 0;
    const add = (end) => {
      let from = at;
      const plain = text.slice(at, end);
      for (const { 1: before, 2: name, index } of plain.matchAll(MENTION)) {
        const start = at + index + before.length;
        out.append(text.slice(from, start), el("b", { class: name === `@${this.#me()}` || name === "@all" ? "mention me" : "mention", text: name }));
        from = start + name.length;
      }
      out.append(text.slice(from, end));
    };
    for (const { 0: url, index } of text.matchAll(LINK)) {
      if (!isSafe(url)) continue;
      add(index);
      out.append(link(url, { text: url }));
      at = index + url.length;
    }
    add(text.length);
    return out;
  }

  #picture(m) {
    const address = m.thumb || m.url;
    // Pictures of other hosts are links: to load them would tell that host who reads.
    if (!m.local && !isOwnFile(address)) return this.#file(m);
    const image = el("img", { alt: m.name || "Picture", decoding: "async" });
    if (m.width > 0 && m.height > 0) {
      const scale = Math.min(1, MAX_SIDE / Math.max(m.width, m.height));
      image.width = Math.max(1, Math.round(m.width * scale));
      image.height = Math.max(1, Math.round(m.height * scale));
    }
    image.addEventListener("load", () => this.#act.loaded());
    if (m.local) {
      image.src = this.#api.local(m.local);
      return el("span", { class: "picture" }, image);
    }
    this.#show(image, address);
    return el("button", { class: "picture", "aria-label": `Open ${m.name || "the picture"}`, on: { click: () => this.#act.open(m) } }, image);
  }

  #player(kind, m) {
    if (!m.local && !isOwnFile(m.url)) return this.#file(m);
    const player = el(kind, { controls: true, preload: "metadata", "aria-label": m.name || (kind === "audio" ? "Voice message" : "Video") });
    if (kind === "video") {
      player.setAttribute("playsinline", "");
      player.addEventListener("loadedmetadata", () => this.#act.loaded());
    }
    if (m.local) player.src = this.#api.local(m.local);
    else this.#show(player, m.url);
    return el("span", { class: `player ${kind}` }, player, m.name && kind === "audio" ? el("small", { text: m.duration ? `${m.name}, ${duration(m.duration)}` : m.name }) : null);
  }

  #file(m) {
    const facts = [m.size > 0 ? bytes(m.size) : "", m.duration > 0 ? duration(m.duration) : "", !m.local && !isOwnFile(m.url) ? hostOf(m.url) : ""].filter(Boolean).join(" · ");
    const inside = [icon("file"), el("span", { class: "file-name" }, el("strong", { text: m.name || nameOf(m.url) }), el("small", { text: facts }))];
    if (m.local || !isSafe(m.url)) return el("span", { class: "file" }, ...inside);
    if (!isOwnFile(m.url)) return link(m.url, { class: "file" }, ...inside);
    return el("button", { class: "file", on: { click: () => this.#act.save(m) } }, ...inside);
  }

  async #show(element, path) {
    try {
      element.src = await this.#api.source(path);
    } catch (error) {
      element.replaceWith(el("span", { class: "broken" }, icon("alert"), ` ${error.message}`));
    }
  }

  #meta(m, own, status) {
    const meta = el("span", { class: "meta" });
    if (m.expires) meta.append(icon("timer", `Goes away ${exactly(m.expires)}`));
    if (m.edited && m.type !== "recalled") meta.append(el("span", { text: "edited" }));
    meta.append(el("time", { text: clock(m.time), datetime: new Date(m.time).toISOString(), title: exactly(m.time) }));
    if (own && status?.tick) meta.append(tick(status.tick));
    return meta;
  }

  #reactions(m) {
    return el("div", { class: "reactions" }, ...m.reactions.map(({ sign, count, users = [] }) => {
      const mine = users.includes(this.#me());
      const who = users.map((user) => this.#people.name(user)).join(", ");
      return el("button", {
        "aria-pressed": String(mine), title: who, "aria-label": `${sign}, ${count}: ${who}`,
        on: { click: () => this.#act.react(m, sign, !mine) },
      }, sign, el("span", { text: count }));
    }));
  }

  #readers(m, count) {
    return el("button", { class: "readers", text: count === 0 ? "Read by nobody yet" : `Read by ${count}`, on: { click: () => this.#act.readers(m) } });
  }
}

const TICKS = { sent: ["tick", "Sent"], delivered: ["ticks", "Delivered"], read: ["ticks", "Read"] };

function tick(status) {
  const [name, label] = TICKS[status];
  const mark = icon(name, label);
  mark.classList.add("tick", status);
  return mark;
}

function link(url, attributes, ...children) {
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer", ...attributes }, ...children);
}

function hostOf(url) {
  return URL.canParse(url) ? new URL(url).host : "";
}

function nameOf(url = "") {
  return url.split("/").at(-1).split(/[?#]/)[0] || "File";
}
