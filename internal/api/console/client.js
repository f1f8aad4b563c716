// The pushd client for browsers: one WebSocket, login, heartbeats, requests
// with their replies, pushes, and coming back after a lost connection as the
// close code says. It needs nothing else: import it from the server or copy it.
//
//   const client = new PushClient({ user: "alice", token: () => fetchToken() });
//   client.addEventListener("push", ({ detail }) => show(detail.Data));
//   client.connect();

// What may wait for a reply or for the network. Beyond, a request fails at once
// instead of piling up in memory.
const MAX_PENDING = 1_000;
const MAX_BUFFERED = 1 << 20;

// A session that lived this long was a good one, so the next loss starts with
// short delays again. A login alone is no proof: a client that is closed right
// after it, each time, must wait longer and longer.
const STABLE_AFTER = 10_000;

const MAX_WAIT = 3_600_000;

// What happened, for people, and what the client does about it.
const CODES = {
  1000: ["Closed normally", "The connection ended in good order.", "no"],
  1001: ["Going away", "The other side went away in good order.", "no"],
  1002: ["Protocol error", "This client broke the WebSocket protocol.", "no"],
  1003: ["Not text", "This client sent a binary frame; only text is understood.", "no"],
  1005: ["Closed without a code", "Something on the way closed the connection and didn't say why.", "delay"],
  1006: ["Connection lost", "The server could not be reached, or the connection broke.", "delay"],
  1007: ["Bad UTF-8", "This client sent text that isn't UTF-8.", "no"],
  1008: ["Refused", "Something on the way doesn't allow this connection.", "no"],
  1009: ["Message too big", "This client sent a message over the server's limit.", "no"],
  1011: ["Internal error", "The server met a fault while it served this connection.", "delay"],
  1012: ["Server restarting", "The server restarts and says when to come back.", "after"],
  1013: ["Server over its limits", "The server has more to do than it can.", "delay"],
  4001: ["Token refused", "The server does not accept the token. Get another one.", "no"],
  4002: ["Token expired", "The token ran out. Get a fresh one and connect again.", "no"],
  4003: ["Replaced by another login", "The same user logged in elsewhere on the same platform.", "no"],
  4004: ["Kicked", "An operator or a backend closed this session.", "no"],
  4005: ["Login not in time", "The server waits only some seconds for a login.", "no"],
  4006: ["Too many errors", "This client sent too many malformed messages in a row.", "no"],
  4101: ["Too slow", "This client did not read fast enough what was sent to it.", "delay"],
  4102: ["No heartbeat", "The server heard nothing for the time it allows.", "delay"],
  4103: ["Rate limited", "This client sent too many requests.", "delay"],
};

/**
 * What a close code tells the client to do. retry is "no", "delay" (grow the
 * delay from attempt to attempt, all of it random) or "after" (after
 * milliseconds, which the server chose).
 */
export function verdict(code, reason = "") {
  let [title, text, retry] = CODES[code] ?? ["Closed", "The connection was closed.", "delay"];
  if (!CODES[code] && code >= 4000 && code < 4100) {
    [title, text, retry] = ["Closed for good", "The server ended this for good.", "no"];
  }
  if (retry !== "after") return { title, text, retry };
  let after;
  try {
    after = JSON.parse(reason).reconnect_after_ms;
  } catch {
    // A reason that can't be read says no time.
  }
  if (typeof after !== "number" || !(after >= 0)) return { title, text, retry: "delay" };
  return { title, text, retry, after: Math.min(after, MAX_WAIT) };
}

/**
 * The delay in milliseconds before the attempt of this number, from 0. The
 * whole of it is random, or everybody who lost the same server would come back
 * at the same moment.
 */
export function backoff(attempt, random = Math.random) {
  return random() * Math.min(60_000, 1_000 * 2 ** attempt);
}

/**
 * A request that failed. code is the server's; it is null when no reply came:
 * not connected, connection lost, or out of patience.
 */
export class RequestError extends Error {
  constructor(message, { code = null, temporary = false, retryAfter = 0, module = "", action = "" } = {}) {
    super(message);
    this.name = "RequestError";
    Object.assign(this, { code, temporary, retryAfter, module, action });
  }
}

/**
 * One user's connection. Options:
 *
 *   url       where to; by default "ws" beside this file, at the host it is from
 *   user      UserId; without one it connects and does not log in
 *   platform  a number or a name, "web" by default
 *   token     a string, or a function that returns a fresh one (or a promise)
 *   app, device  labels for whoever looks at the session
 *   timeout   milliseconds that a reply may take, 15,000 by default; when
 *             heartbeats go unanswered for so long, the connection is lost
 *
 * Events, each with its detail:
 *
 *   push     the message: { Module, Action, Data }
 *   state    "idle", "connecting", "open", "online", "waiting" or "closed"
 *   session  what the login told, or null when the session is over
 *   subscriptions  topics, watched or watchesAll have changed
 *   close    { code, reason, title, text, delay, attempt }; delay is in
 *            milliseconds, or null when the client stays away
 *   frame    { dir: "in" or "out", text, message, took }; message is null if
 *            text is not JSON; took is a reply's time in milliseconds
 *   problem  a RequestError that nobody waits for: a login or a subscription
 *            that the client made by itself was refused
 */
export class PushClient extends EventTarget {
  state = "idle";
  session = null;
  topics = new Set(); // subscribed to, and again after a reconnect
  watched = new Set(); // users whose presence is watched
  watchesAll = false;

  #options = {};
  #ws = null;
  #seq = 0;
  #pending = []; // requests without reply, in the order in which they were sent
  #resume = null; // id of the session that a reconnect takes up again
  #attempt = 0;
  #heard = 0; // when something came, by performance.now()
  #timers = { retry: 0, beat: 0, stable: 0 };

  constructor(options = {}) {
    super();
    this.configure(options);
  }

  /** Changes options; a new user or platform starts without subscriptions. */
  configure(options) {
    const before = this.#options;
    this.#options = { url: besideThisFile(), platform: "web", timeout: 15_000, ...before, ...options };
    if (before.user !== this.#options.user || before.platform !== this.#options.platform) this.#forget();
  }

  /** Connects now, and logs in if there is a user. */
  connect() {
    this.#attempt = 0;
    this.#resume = null;
    this.#open();
  }

  /** Does now what it would do at the end of the delay. */
  reconnect() {
    this.#open();
  }

  /** Ends the connection and does not come back by itself. */
  close() {
    const ws = this.#ws;
    this.#resume = null;
    if (!ws) {
      clearTimeout(this.#timers.retry);
      if (this.state === "waiting") this.#become("closed");
      return;
    }
    this.#abandon(ws);
    this.#closed(ws, 1000, "", { title: "Disconnected", text: "This side closed the connection.", retry: "no" });
  }

  /** Sends a request; resolves with the reply's Data or rejects with a RequestError. */
  request(module, action, data) {
    this.#seq = (this.#seq + 1) >>> 0;
    const request = { Module: module, Action: action, Seq: this.#seq };
    if (data !== undefined) request.Data = data;
    return new Promise((resolve, reject) => {
      this.#transmit(JSON.stringify(request), request, { resolve, reject });
    });
  }

  /** Sends this text as it is: one request, answered as that of request(). */
  send(text) {
    let request = null;
    try {
      request = JSON.parse(text);
    } catch {
      // The server will say what it thinks of it.
    }
    return new Promise((resolve, reject) => this.#transmit(text, request, { resolve, reject }));
  }

  /** Logs in again on the open connection, with the options as they are now. */
  async login() {
    const { user, platform, token, app, device } = this.#options;
    const data = { UserId: user, PlatId: platform };
    const value = typeof token === "function" ? await token() : token;
    if (value) data.Token = value;
    if (app) data.AppId = app;
    if (device) data.DeviceId = device;
    if (this.#resume) data.Resume = this.#resume;
    return this.request("robot", "Login", data);
  }

  /** Ends the session; the socket stays open for another login in time. */
  logout() {
    return this.request("robot", "Logout");
  }

  /** Resolves with the round trip in milliseconds. */
  async ping() {
    const start = performance.now();
    await this.request("robot", "Ping");
    return performance.now() - start;
  }

  heartbeat() {
    return this.send('{"Module":"robot","Action":"HeartBeat"}');
  }

  subscribe(topic) {
    return this.request("topic", "Subscribe", { topic });
  }

  unsubscribe(topic) {
    return this.request("topic", "Unsubscribe", { topic });
  }

  publish(topic, data, { exceptSelf = false } = {}) {
    return this.request("topic", "Publish", exceptSelf ? { topic, data, except_self: true } : { topic, data });
  }

  /** Which of the users are online, and on which platforms. */
  online(users) {
    return this.request("presence", "Online", { users });
  }

  /** Watches users, or everybody: presence.Online and .Offline are pushed. */
  watch(users) {
    return this.request("presence", "Subscribe", users ? { users } : { all: true });
  }

  unwatch(users) {
    return this.request("presence", "Unsubscribe", users ? { users } : { all: true });
  }

  #open() {
    clearTimeout(this.#timers.retry);
    if (this.#ws) this.#abandon(this.#ws);
    const ws = new WebSocket(this.#options.url);
    this.#ws = ws;
    ws.onopen = () => this.#opened(ws);
    ws.onmessage = ({ data }) => this.#received(data);
    ws.onclose = ({ code, reason }) => this.#closed(ws, code, reason);
    this.#become("connecting");
  }

  async #opened(ws) {
    this.#become("open");
    if (!this.#options.user || this.#ws !== ws) return;
    try {
      await this.login();
    } catch (error) {
      if (this.#ws !== ws) return; // its end is told by the close
      this.#emit("problem", error);
      // What is temporary, or failed on the way to a token, is worth another
      // try; anything else would only be refused again.
      const again = error.temporary || !(error instanceof RequestError);
      this.#abandon(ws);
      this.#closed(ws, 1000, "", {
        title: "Login refused",
        text: error.message,
        retry: again ? "delay" : "no",
        atLeast: error.retryAfter,
      });
    }
  }

  #transmit(text, request, { resolve, reject }) {
    const ws = this.#ws;
    const named = { module: request?.Module, action: request?.Action };
    if (ws?.readyState !== WebSocket.OPEN) return reject(new RequestError("not connected", named));
    if (this.#pending.length >= MAX_PENDING || ws.bufferedAmount > MAX_BUFFERED) {
      return reject(new RequestError("too much is waiting to be sent", { ...named, temporary: true }));
    }
    const entry = { request, resolve, reject, at: performance.now() };
    entry.timer = setTimeout(() => {
      this.#pending.splice(this.#pending.indexOf(entry), 1);
      reject(new RequestError("no reply in time", { ...named, temporary: true }));
    }, this.#options.timeout);
    this.#pending.push(entry);
    ws.send(text);
    this.#emit("frame", { dir: "out", text, message: request });
  }

  #received(text) {
    this.#heard = performance.now();
    let message = null;
    try {
      message = JSON.parse(text);
    } catch {
      // Shown as it is; a server of this protocol sends none.
    }
    if (message?.Code === undefined) {
      this.#emit("frame", { dir: "in", text, message });
      if (message) this.#emit("push", message);
      return;
    }
    const entry = this.#answered(message);
    const took = entry && performance.now() - entry.at;
    this.#emit("frame", { dir: "in", text, message, took });
    if (!entry) return;
    if (message.Code !== 0) {
      entry.reject(new RequestError(message.Msg ?? `error ${message.Code}`, {
        code: message.Code,
        temporary: message.Temporary === true,
        retryAfter: message.RetryAfter ?? 0,
        module: message.Module,
        action: message.Action,
      }));
      return;
    }
    this.#note(entry.request, message.Data);
    entry.resolve(message.Data);
  }

  // The request that a reply belongs to: the oldest that fits, since replies
  // come in the order of the requests. What could not be read has no name.
  #answered({ Module, Action, Seq }) {
    const index = this.#pending.findIndex(({ request }) =>
      (Module === "robot" && Action === "Error") ||
      (request?.Module === Module && request.Action === Action && request.Seq === Seq));
    if (index < 0) return undefined;
    const [entry] = this.#pending.splice(index, 1);
    clearTimeout(entry.timer);
    return entry;
  }

  // What a successful request changed, whoever sent it.
  #note({ Module, Action, Data }, reply) {
    switch (`${Module}.${Action}`) {
      case "robot.Login":
        return this.#loggedIn(reply);
      case "robot.Logout":
        this.#forget();
        this.#ended();
        return this.#become("open");
      case "topic.Subscribe":
        this.topics.add(Data.topic);
        break;
      case "topic.Unsubscribe":
        this.topics.delete(Data.topic);
        break;
      case "presence.Subscribe":
        if (Data?.users) Data.users.forEach((user) => this.watched.add(user));
        else this.watchesAll = true;
        break;
      case "presence.Unsubscribe":
        if (Data?.users) Data.users.forEach((user) => this.watched.delete(user));
        else this.watchesAll = false;
        break;
      default:
        return undefined;
    }
    return this.#emit("subscriptions");
  }

  #loggedIn(session) {
    const renewed = this.session?.session === session.session;
    this.session = session;
    this.#resume = session.session;
    this.#become("online");
    this.#emit("session", session);
    if (renewed) return;
    this.#timers.stable = setTimeout(() => (this.#attempt = 0), STABLE_AFTER);
    this.#beat((session.heartbeat || 60) * 1_000 / 3);
    if (!session.resumed) this.#subscribeAgain();
  }

  #subscribeAgain() {
    const again = [...this.topics].map((topic) => this.subscribe(topic));
    const watched = [...this.watched];
    for (let i = 0; i < watched.length; i += 100) again.push(this.watch(watched.slice(i, i + 100)));
    if (this.watchesAll) again.push(this.watch());
    for (const promise of again) {
      promise.catch((error) => error.code !== null && this.#emit("problem", error));
    }
  }

  // A heartbeat at every interval, the first at a random moment of it, so that
  // clients which connected together don't beat together. A connection that
  // swallows them is dead, which the browser may notice only after many minutes.
  #beat(interval) {
    let asked = 0; // when the first heartbeat was sent of those without answer
    const tick = () => {
      const now = performance.now();
      if (this.#heard >= asked) asked = now;
      else if (now - asked >= this.#options.timeout) return this.#silent();
      this.heartbeat().catch(() => {}); // judged by the next beat
      this.#timers.beat = setTimeout(tick, interval);
    };
    clearTimeout(this.#timers.beat);
    this.#timers.beat = setTimeout(tick, Math.random() * interval);
  }

  #silent() {
    const ws = this.#ws;
    this.#abandon(ws);
    this.#closed(ws, 1006, "no answer to a heartbeat"); // the code that the browser would give, later
  }

  #closed(ws, code, reason, { title, text, retry, after, atLeast = 0 } = verdict(code, reason)) {
    if (this.#ws !== ws) return;
    this.#ws = null;
    const renewable = code === 4002 && typeof this.#options.token === "function";
    let delay = null;
    if (retry === "after") delay = after;
    else if (retry === "delay" || renewable) delay = Math.max(backoff(this.#attempt), atLeast);
    if (delay === null) this.#resume = null;
    else this.#attempt++;
    this.#ended();
    for (const { timer, reject } of this.#pending.splice(0)) {
      clearTimeout(timer);
      reject(new RequestError("the connection was lost before the reply"));
    }
    if (delay !== null) this.#timers.retry = setTimeout(() => this.#open(), delay);
    this.#become(delay === null ? "closed" : "waiting");
    this.#emit("close", { code, reason, title, text, delay, attempt: this.#attempt });
  }

  #ended() {
    clearTimeout(this.#timers.beat);
    clearTimeout(this.#timers.stable);
    if (!this.session) return;
    this.session = null;
    this.#emit("session", null);
  }

  // Lets go of a socket whose close event isn't waited for.
  #abandon(ws) {
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.close();
  }

  #forget() {
    this.topics.clear();
    this.watched.clear();
    this.watchesAll = false;
    this.#resume = null;
    this.#emit("subscriptions");
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.#emit("state", state);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function besideThisFile() {
  const url = new URL("ws", import.meta.url);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
