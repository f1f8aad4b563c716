// The panels that send requests: topics, presence, and the editor.

import { layout, parseObject, parseRequest } from "./json.js";
import { element, milliseconds } from "./log.js";

const $ = (id) => document.getElementById(id);

// What the roster lists at most; whole towns may come online when everybody is
// watched.
const MAX_ROSTER = 200;

/** Shows text in an element made for it, or hides that when there is none. */
export function complain(element, text) {
  element.textContent = text ?? "";
  element.hidden = !text;
}

export class Topics {
  #client;
  #attempt;

  /** attempt awaits a promise of the client and shows what went wrong. */
  constructor(client, attempt) {
    this.#client = client;
    this.#attempt = attempt;
    $("subscribe").addEventListener("submit", (event) => this.#subscribe(event));
    $("publish").addEventListener("submit", (event) => this.#publish(event));
    $("publish-data").addEventListener("input", () => this.#data());
    this.redraw();
  }

  redraw() {
    const topics = [...this.#client.topics];
    $("topics").replaceChildren(...topics.map((topic) => {
      const item = element("li", "chip");
      const close = element("button", "", "×");
      close.type = "button";
      close.setAttribute("aria-label", `Unsubscribe ${topic}`);
      close.addEventListener("click", () => this.#attempt(this.#client.unsubscribe(topic)));
      item.append(element("span", "", topic), close);
      return item;
    }));
    $("topic-names").replaceChildren(...topics.map((topic) => {
      const option = element("option");
      option.value = topic;
      return option;
    }));
    $("topics-empty").hidden = topics.length > 0;
  }

  async #subscribe(event) {
    event.preventDefault();
    const topic = $("topic").value.trim();
    const { ok } = await this.#attempt(this.#client.subscribe(topic));
    if (!ok) return;
    $("topic").value = "";
    if ($("publish-topic").value === "") $("publish-topic").value = topic;
  }

  #data() {
    const { value, error } = parseObject($("publish-data").value);
    complain($("publish-error"), error);
    $("publish-data").setAttribute("aria-invalid", String(Boolean(error)));
    return value;
  }

  async #publish(event) {
    event.preventDefault();
    const data = this.#data();
    $("publish-result").textContent = "";
    if (!data) return;
    const exceptSelf = $("publish-except").checked;
    const { ok, value } = await this.#attempt(this.#client.publish($("publish-topic").value.trim(), data, { exceptSelf }));
    if (ok) $("publish-result").textContent = `Queued for ${value.sessions} ${value.sessions === 1 ? "session" : "sessions"}.`;
  }
}

export class Presence {
  #client;
  #attempt;
  #known = new Map(); // user → platforms, the latest news last

  constructor(client, attempt) {
    this.#client = client;
    this.#attempt = attempt;
    $("presence").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask((users) => client.online(users));
    });
    $("presence-watch").addEventListener("click", () => this.#ask((users) => client.watch(users)));
    $("presence-unwatch").addEventListener("click", () => this.#ask((users) => client.unwatch(users), false));
    $("presence-all").addEventListener("change", async ({ target }) => {
      const { ok } = await attempt(target.checked ? client.watch() : client.unwatch());
      if (!ok) target.checked = client.watchesAll;
    });
    this.redraw();
  }

  /** Takes presence.Online and presence.Offline as they are pushed. */
  pushed({ Action, Data }) {
    for (const { user, platforms } of Data.users) {
      const known = new Set(this.#known.get(user) ?? []);
      for (const platform of platforms) {
        if (Action === "Online") known.add(platform);
        else known.delete(platform);
      }
      this.#learn(user, [...known]);
    }
    this.redraw();
  }

  /** Asks again about all that are listed: a lost connection tells no news. */
  async refresh() {
    const users = [...this.#known.keys()];
    if (users.length === 0) return this.redraw();
    const { ok, value } = await this.#attempt(this.#client.online(users));
    if (ok) this.#answer(users, value);
  }

  redraw() {
    $("presence-all").checked = this.#client.watchesAll;
    const people = [...this.#known].reverse();
    $("roster").replaceChildren(...people.map(([user, platforms]) => {
      const item = element("li", platforms.length > 0 ? "here" : "away");
      item.append(element("span", "dot"), element("strong", "", user));
      if (this.#client.watched.has(user) || this.#client.watchesAll) item.append(element("span", "watched", "watched"));
      item.append(element("span", "where", platforms.length > 0 ? platforms.join(", ") : "offline"));
      return item;
    }));
    $("roster-empty").hidden = people.length > 0;
  }

  async #ask(request, tells = true) {
    const users = [...new Set($("presence-users").value.split(/[\s,]+/).filter(Boolean))];
    if (users.length === 0) {
      $("presence-users").focus();
      return;
    }
    const { ok, value } = await this.#attempt(request(users));
    if (!ok) return;
    if (tells) this.#answer(users, value);
    else this.redraw();
  }

  #answer(users, { online }) {
    const platforms = new Map(online.map((one) => [one.user, one.platforms]));
    for (const user of users) this.#learn(user, platforms.get(user) ?? []);
    this.redraw();
  }

  #learn(user, platforms) {
    this.#known.delete(user);
    this.#known.set(user, platforms);
    if (this.#known.size > MAX_ROSTER) this.#known.delete(this.#known.keys().next().value);
  }
}

const examples = [
  ["robot.Ping", { Module: "robot", Action: "Ping", Seq: 1 }],
  ["robot.HeartBeat", { Module: "robot", Action: "HeartBeat" }],
  ["robot.Login", { Module: "robot", Action: "Login", Seq: 2, Data: { UserId: "alice", PlatId: "web" } }],
  ["robot.Logout", { Module: "robot", Action: "Logout" }],
  ["topic.Subscribe", { Module: "topic", Action: "Subscribe", Seq: 3, Data: { topic: "news" } }],
  ["topic.Unsubscribe", { Module: "topic", Action: "Unsubscribe", Seq: 4, Data: { topic: "news" } }],
  ["topic.Publish", { Module: "topic", Action: "Publish", Seq: 5, Data: { topic: "news", data: { text: "hi" } } }],
  ["presence.Online", { Module: "presence", Action: "Online", Seq: 6, Data: { users: ["alice", "bob"] } }],
  ["presence.Subscribe", { Module: "presence", Action: "Subscribe", Seq: 7, Data: { users: ["bob"] } }],
  ["presence.Unsubscribe", { Module: "presence", Action: "Unsubscribe", Seq: 8, Data: { users: ["bob"] } }],
];

export class Editor {
  #client;
  #attempt;

  constructor(client, attempt) {
    this.#client = client;
    this.#attempt = attempt;
    const text = $("raw-text");
    text.value = JSON.stringify(examples[0][1], null, 2);
    for (const [name] of examples) {
      const option = element("option", "", name);
      option.value = name;
      $("template").append(option);
    }
    $("template").addEventListener("change", ({ target }) => {
      const [, request] = examples.find(([name]) => name === target.value) ?? [];
      target.value = "";
      if (!request) return;
      text.value = JSON.stringify(request, null, 2);
      this.#check();
      text.focus();
    });
    text.addEventListener("input", () => this.#check());
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#send(event);
    });
    $("raw-format").addEventListener("click", () => {
      if (this.#check()) text.value = layout(text.value);
    });
    $("raw").addEventListener("submit", (event) => this.#send(event));
  }

  #check() {
    const text = $("raw-text");
    const { error } = parseRequest(text.value);
    complain($("raw-error"), error);
    text.setAttribute("aria-invalid", String(Boolean(error)));
    return !error;
  }

  // What is typed is sent as it is, so that large numbers keep their digits.
  async #send(event) {
    event.preventDefault();
    $("raw-result").textContent = "";
    if (!this.#check()) {
      $("raw-text").focus();
      return;
    }
    const start = performance.now();
    const { ok } = await this.#attempt(this.#client.send($("raw-text").value.trim()));
    if (ok) $("raw-result").textContent = `Answered with code 0 after ${milliseconds(performance.now() - start)} ms.`;
  }
}
