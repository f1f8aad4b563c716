// The page: what the client tells is shown, what is clicked is asked of it.

import { PushClient } from "./client.js";
import { bytes, element, FrameLog, milliseconds } from "./log.js";
import { complain, Editor, Presence, Topics } from "./panels.js";
import { Snippets } from "./snippets.js";

const $ = (id) => document.getElementById(id);

const client = new PushClient();
const address = new URL("ws", location.href);
address.protocol = location.protocol === "https:" ? "wss:" : "ws:";

const log = new FrameLog($("rows"), $("jump"), showCounts);
const topics = new Topics(client, attempt);
const presence = new Presence(client, attempt);
const snippets = new Snippets(() => ({
  script: new URL("client.js", location.href).href,
  url: $("url").value || address.href,
  user: $("user").value.trim() || "alice",
  platform: platform() || "web",
  token: $("token").value !== "",
}));
new Editor(client, attempt);

// ── Connection ──────────────────────────────────────────────────────────────

const STATES = {
  idle: "Not connected",
  connecting: "Connecting…",
  open: "Connected, not logged in",
  online: "Online",
  waiting: "Waiting to reconnect",
  closed: "Disconnected",
};

let comeBack = 0; // when a reconnect is due, by performance.now()
let since = 0; // when the session began
let unseen = 0; // frames that came while a phone showed another part

client.addEventListener("state", ({ detail: state }) => {
  $("status").dataset.state = state;
  $("status-text").textContent = state === "online" ? `Online as ${client.session.user}` : STATES[state];
  document.title = state === "online" ? `${client.session.user} · pushd console` : "pushd console";
  if (state === "connecting") log.event("connecting", address.href);
  if (state === "open" && !client.session) log.event("connected", "The socket is open.");
  if (state === "open" || state === "online") $("banner").hidden = true;
  const here = state === "open" || state === "online" || state === "connecting";
  $("cancel").hidden = !here;
  $("connect").textContent = state === "open" ? "Log in" : "Connect and log in";
  $("connect").disabled = state === "connecting";
  $("connect-only").disabled = here;
  $("banner-now").textContent = state === "waiting" ? "Reconnect now" : "Connect again";
  $("banner-stop").textContent = state === "waiting" ? "Stop" : "Dismiss";
  if (state === "closed") comeBack = 0;
  tick();
});

client.addEventListener("session", ({ detail: session }) => {
  $("login").hidden = session !== null;
  $("session").hidden = session === null;
  if (!session) {
    $("rtt").hidden = true;
    return;
  }
  if (since === 0 || $("s-id").textContent !== session.session) since = Date.now();
  $("s-user").textContent = session.user;
  $("s-platform").textContent = session.platform;
  $("s-id").textContent = session.session;
  $("s-server").textContent = session.server;
  $("s-resumed").textContent = session.resumed ? "yes, with its subscriptions" : "no, a new session";
  $("s-heartbeat").textContent = `every ${seconds(session.heartbeat / 3)} of ${seconds(session.heartbeat)} allowed`;
  complain($("login-error"));
  presence.refresh();
  log.event(session.resumed ? "resumed" : "logged in", `${session.user} on ${session.platform}, session ${session.session}`);
  tick();
});

client.addEventListener("close", ({ detail: { code, reason, title, text, delay, attempt: number } }) => {
  // An end that was wished for needs no explanation, and a refused login has
  // one at the form.
  $("banner").hidden = code === 1000 && delay === null;
  $("banner").dataset.retry = String(delay !== null);
  $("banner-title").textContent = title;
  $("banner-code").textContent = code;
  // The reason of 1012 is for programs, and what it says is counted down.
  const said = reason && !reason.startsWith("{") ? `The reason given: “${reason}”.` : "";
  const next = delay === null ? "This page stays away until you connect again." : `Attempt ${number} in ${seconds(delay / 1000)}.`;
  $("banner-text").textContent = [text, said, next].filter(Boolean).join(" ");
  comeBack = delay === null ? 0 : performance.now() + delay;
  log.event(`closed ${code}`, [title, reason, delay === null ? "" : `reconnect in ${seconds(delay / 1000)}`].filter(Boolean).join(" · "), code !== 1000);
  tick();
});

client.addEventListener("problem", ({ detail: error }) => {
  if (error.action === "Login") complain($("login-error"), describe(error));
  else toast(describe(error));
});

client.addEventListener("subscriptions", () => {
  topics.redraw();
  presence.redraw();
});

client.addEventListener("push", ({ detail: message }) => {
  if (message.Module === "presence" && Array.isArray(message.Data?.users)) presence.pushed(message);
});

client.addEventListener("frame", ({ detail: frame }) => {
  log.frame(frame);
  if (frame.dir === "in" && document.body.dataset.view !== "frames") unseen++;
  const { Action, Code } = frame.message ?? {};
  if (Action === "Ping" && Code === 0 && frame.took !== undefined) {
    $("rtt-ms").textContent = milliseconds(frame.took);
    $("rtt").hidden = false;
  }
});

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  complain($("login-error"));
  configure({ user: $("user").value.trim() });
  remember($("user").value.trim());
  if (client.state !== "open") return connect();
  try {
    await client.login();
  } catch (error) {
    complain($("login-error"), describe(error));
  }
});

$("connect-only").addEventListener("click", () => {
  configure({ user: "" });
  connect();
});

$("disconnect").addEventListener("click", () => client.close());
$("cancel").addEventListener("click", () => client.close());
$("ping").addEventListener("click", () => attempt(client.ping()));
$("heartbeat").addEventListener("click", () => attempt(client.request("robot", "HeartBeat")));
$("logout").addEventListener("click", () => attempt(client.logout()));
$("banner-now").addEventListener("click", () => {
  if (client.state === "waiting") return client.reconnect();
  configure({ user: $("user").value.trim() }); // there may be another token now
  return connect();
});
$("banner-stop").addEventListener("click", () => {
  if (client.state === "waiting") client.close();
  $("banner").hidden = true;
});

function connect() {
  try {
    client.connect();
  } catch (error) {
    complain($("login-error"), error.message); // not an address
  }
}

function configure({ user }) {
  client.configure({
    url: $("url").value || address.href,
    user,
    platform: platform(),
    token: $("token").value.trim(),
    app: $("app").value.trim(),
    device: $("device").value.trim(),
  });
}

function platform() {
  return $("platform").value === "other" ? $("platform-other").value.trim() : $("platform").value;
}

// The user id is remembered, never the token. Browsers may forbid storage.
function remember(user) {
  try {
    localStorage.setItem("pushd.user", user);
  } catch {
    // Then it is typed again.
  }
}

function remembered(key) {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** Waits for a request; its error is shown. Returns { ok, value }. */
async function attempt(promise) {
  try {
    return { ok: true, value: await promise };
  } catch (error) {
    toast(describe(error));
    return { ok: false };
  }
}

function describe(error) {
  const code = error.code ? `${error.code} · ` : "";
  const where = error.module ? `${error.module}.${error.action}: ` : "";
  const wait = error.retryAfter ? ` Try again in ${seconds(error.retryAfter / 1000)}.` : "";
  return `${code}${where}${error.message}.${wait}`.replace(/\.\./g, ".");
}

function toast(text) {
  const note = element("div", "toast");
  const close = element("button", "icon", "×");
  close.type = "button";
  close.setAttribute("aria-label", "Dismiss");
  close.addEventListener("click", () => note.remove());
  note.append(element("span", "", text), close);
  $("toasts").append(note);
  while ($("toasts").childElementCount > 4) $("toasts").firstElementChild.remove();
  setTimeout(() => note.remove(), 12_000);
}

function seconds(s) {
  return `${s < 10 && !Number.isInteger(s) ? s.toFixed(1) : Math.round(s)} s`;
}

function duration(s) {
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, Math.floor(s) % 60];
  return parts.map((n) => String(n).padStart(2, "0")).join(":");
}

// What changes with time alone.
function tick() {
  if (client.session) $("s-since").textContent = duration((Date.now() - since) / 1000);
  const left = comeBack - performance.now();
  $("countdown").textContent = client.state === "waiting" ? `${Math.max(0, left / 1000).toFixed(1)} s` : "";
}
setInterval(tick, 200);

// ── Frames ──────────────────────────────────────────────────────────────────

function showCounts() {
  const { in: received, out: sent, inBytes, outBytes } = log.totals;
  $("count-in").textContent = `↓ ${received} in, ${bytes(inBytes)}`;
  $("count-out").textContent = `↑ ${sent} out, ${bytes(outBytes)}`;
  $("count-shown").textContent = log.paused ? `paused, ${log.waiting} waiting` : `${log.shown} shown, the last 500 kept`;
  $("rows-empty").hidden = log.shown > 0;
  $("unseen").hidden = unseen === 0;
  $("unseen").textContent = unseen > 99 ? "99+" : unseen;
}

$("filter").addEventListener("input", ({ target }) => log.filter({ text: target.value }));
$("kinds").addEventListener("change", ({ target }) => log.filter({ kind: target.value }));
$("clear").addEventListener("click", () => log.clear());
toggle($("expand"), (on) => log.expand(on));
toggle($("pause"), (on) => {
  log.pause(on);
  showCounts();
});
$("save").addEventListener("click", () => {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([log.lines()], { type: "application/jsonl" }));
  link.download = "pushd-frames.jsonl";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});

function toggle(button, act) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    act(on);
  });
}

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    view("frames");
    $("filter").focus();
  }
});

// ── The page itself ─────────────────────────────────────────────────────────

// Phones show one part at a time; CSS decides where that applies.
function view(name) {
  document.body.dataset.view = name;
  for (const button of document.querySelectorAll(".views button")) {
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  if (name === "frames") unseen = 0;
  showCounts();
}
for (const button of document.querySelectorAll(".views button")) {
  button.addEventListener("click", () => view(button.dataset.view));
}

const THEMES = ["auto", "light", "dark"];
function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").setAttribute("aria-label", `Colors: ${name === "auto" ? "as the system" : name}`);
  $("theme").title = $("theme").getAttribute("aria-label");
}
$("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  theme(next);
  try {
    localStorage.setItem("pushd.theme", next);
  } catch {
    // Then it is chosen again.
  }
});
theme(THEMES.includes(remembered("pushd.theme")) ? remembered("pushd.theme") : "auto");

$("platform").addEventListener("change", () => {
  const other = $("platform").value === "other";
  $("platform-other-field").hidden = !other;
  $("platform-other").required = other;
});
for (const id of ["user", "platform", "platform-other", "token", "url"]) {
  $(id).addEventListener("input", () => snippets.redraw());
}

$("user").value = remembered("pushd.user");
$("url").value = address.href;
$("address").textContent = address.host;
snippets.redraw();
showCounts();
