// The part for developers: the session, every frame, topics, presence, requests
// and examples.

import { bytes, element, FrameLog, milliseconds } from "./log.js";
import { complain, Editor, Presence, Topics } from "./panels.js";
import { attempt, describe, part, remember, remembered, seconds } from "./shell.js";
import { Snippets } from "./snippets.js";

const $ = (id) => document.getElementById(id);

/**
 * Puts that part together. account says who logs in, address is where the server
 * is. Returns { log, refused(error) }.
 */
export function developer(client, account, address) {
  const log = new FrameLog($("rows"), $("jump"), showCounts);
  const topics = new Topics(client, attempt);
  const presence = new Presence(client, attempt);
  const snippets = new Snippets(() => ({
    script: new URL("client.js", location.href).href,
    url: $("url").value || address,
    user: $("user").value.trim() || "alice",
    platform: platform() || "web",
    token: $("token").value !== "",
  }));
  new Editor(client, attempt);

  let since = 0; // when the session began
  let unseen = 0; // frames that came while a phone showed another part

  // ── Session ───────────────────────────────────────────────────────────────

  client.addEventListener("state", ({ detail: state }) => {
    if (state === "connecting") log.event("connecting", address);
    if (state === "open" && !client.session) log.event("connected", "The socket is open.");
    const here = state === "open" || state === "online" || state === "connecting";
    $("cancel").hidden = !here;
    $("connect").textContent = state === "open" ? "Log in" : "Connect and log in";
    $("connect").disabled = state === "connecting";
    $("connect-only").disabled = here;
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

  client.addEventListener("close", ({ detail: { code, reason, title, delay } }) => {
    log.event(`closed ${code}`, [title, reason, delay === null ? "" : `reconnect in ${seconds(delay / 1000)}`].filter(Boolean).join(" · "), code !== 1000);
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
    configure($("user").value.trim());
    remember("pushd.user", $("user").value.trim()); // never the token
    if (client.state !== "open") return connect();
    try {
      await client.login();
    } catch (error) {
      complain($("login-error"), describe(error));
    }
  });

  $("connect-only").addEventListener("click", () => {
    configure("");
    connect();
  });

  $("disconnect").addEventListener("click", () => client.close());
  $("cancel").addEventListener("click", () => client.close());
  $("ping").addEventListener("click", () => attempt(client.ping()));
  $("heartbeat").addEventListener("click", () => attempt(client.request("robot", "HeartBeat")));
  $("logout").addEventListener("click", () => attempt(client.logout()));

  function connect() {
    try {
      client.connect();
    } catch (error) {
      complain($("login-error"), error.message); // not an address
    }
  }

  function configure(user) {
    const token = $("token").value.trim();
    account.use(user, token);
    client.configure({
      url: $("url").value || address,
      user,
      platform: platform(),
      token,
      app: $("app").value.trim(),
      device: $("device").value.trim(),
    });
  }

  function platform() {
    return $("platform").value === "other" ? $("platform-other").value.trim() : $("platform").value;
  }

  function tick() {
    if (client.session) $("s-since").textContent = duration((Date.now() - since) / 1000);
  }
  setInterval(tick, 200);

  // ── Frames ────────────────────────────────────────────────────────────────

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

  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && part() === "developer") {
      event.preventDefault();
      view("frames");
      $("filter").focus();
    }
  });

  // Phones show one panel at a time; CSS decides where that applies.
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

  $("platform").addEventListener("change", () => {
    const other = $("platform").value === "other";
    $("platform-other-field").hidden = !other;
    $("platform-other").required = other;
  });
  for (const id of ["user", "platform", "platform-other", "token", "url"]) {
    $(id).addEventListener("input", () => snippets.redraw());
  }

  $("user").value = remembered("pushd.user");
  $("url").value = address;
  snippets.redraw();
  showCounts();

  return {
    /** Connects as the form says, which may have another token by now. */
    again() {
      configure($("user").value.trim());
      connect();
    },
    refused: (error) => complain($("login-error"), describe(error)),
  };
}

function toggle(button, act) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    act(on);
  });
}

function duration(s) {
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, Math.floor(s) % 60];
  return parts.map((n) => String(n).padStart(2, "0")).join(":");
}
