// The page: one connection, and two parts that show it, a messenger and the one
// for developers.

import { Account } from "./account.js";
import { Api } from "./api.js";
import { Chat } from "./chat.js";
import { PushClient } from "./client.js";
import { developer } from "./developer.js";
import { complain } from "./panels.js";
import { People } from "./people.js";
import { attempt, copy, describe, part, parts, remember, remembered, seconds, toast } from "./shell.js";
import { ChatPage } from "./view/chatpage.js";
import { SignIn } from "./view/signin.js";

const $ = (id) => document.getElementById(id);

const address = new URL("ws", location.href);
address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
address.hash = "";

const client = new PushClient({ url: address.href });
const account = new Account();
const api = new Api({ token: () => account.bearer });
account.attach(api);
const panels = developer(client, account, address.href);

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
let unread = 0;

client.addEventListener("state", ({ detail: state }) => {
  $("status").dataset.state = state;
  $("status-text").textContent = state === "online" ? `Online as ${client.session.user}` : STATES[state];
  if (state === "open" || state === "online") $("banner").hidden = true;
  $("banner-now").textContent = state === "waiting" ? "Reconnect now" : "Connect again";
  $("banner-stop").textContent = state === "waiting" ? "Stop" : "Dismiss";
  if (state === "closed") comeBack = 0;
  name();
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
  tick();
});

client.addEventListener("problem", ({ detail: error }) => {
  if (error.action !== "Login") return toast(describe(error));
  panels.refused(error);
  return signIn.refused(error);
});

// What is worth a wait need not wait when the network is back.
addEventListener("online", () => client.state === "waiting" && client.reconnect());

$("banner-now").addEventListener("click", () => {
  if (client.state === "waiting") return client.reconnect();
  return part() === "developer" ? panels.again() : signIn.connect();
});
$("banner-stop").addEventListener("click", () => {
  if (client.state === "waiting") client.close();
  $("banner").hidden = true;
});

function tick() {
  const left = comeBack - performance.now();
  $("countdown").textContent = client.state === "waiting" ? `${Math.max(0, left / 1000).toFixed(1)} s` : "";
}
setInterval(tick, 200);

function name() {
  const who = client.session ? `${client.session.user} · ` : "";
  document.title = `${unread > 0 ? `(${unread > 99 ? "99+" : unread}) ` : ""}${who}pushd`;
}

// ── Parts ───────────────────────────────────────────────────────────────────

const signIn = new SignIn({ client, account, complain, describe, remember, remembered });

let messenger = null;

parts((shown) => {
  // Until the messenger is looked at, it asks the server for nothing.
  if (shown !== "chat" || messenger) return;
  const chat = new Chat(client, api);
  const people = new People(client, chat);
  messenger = new ChatPage({ chat, people, api, shell: { attempt, toast, copy, unread: (n) => {
    unread = n;
    $("unread").hidden = n === 0;
    $("unread").textContent = n > 99 ? "99+" : n;
    name();
  } } });
  messenger.redraw();
});

$("address").textContent = address.host;
if (part() === "chat") signIn.restore();
