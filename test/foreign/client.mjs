// A client that is not ours: npm's ws speaks the protocol.
//
//   node client.mjs open  WS_URL ADMIN_URL ADMIN_KEY
//   node client.mjs token WS_URL TOKEN
//
// Exits non-zero at the first reply that differs from docs/protocol.md.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import WebSocket from "ws";

const TIMEOUT = 20_000;

// Client keeps what arrives until it is asked for, so that no frame is missed
// between two awaits.
class Client {
  #frames = [];
  #waiting = [];

  constructor(ws) {
    this.ws = ws;
    this.closed = new Promise((resolve) => ws.once("close", (code, reason) => resolve({ code, reason: String(reason) })));
    ws.on("message", (data, isBinary) => {
      assert.equal(isBinary, false, "every frame is text");
      const taker = this.#waiting.shift();
      if (taker) taker(String(data));
      else this.#frames.push(String(data));
    });
  }

  static connect(url, protocols = [], options = {}) {
    return new Promise((resolve, reject) => {
      const ws = new WebSocket(url, protocols, options);
      const client = new Client(ws); // listens before the first frame can come
      ws.once("open", () => resolve(client));
      ws.once("error", reject);
    });
  }

  text() {
    const next = this.#frames.shift();
    if (next !== undefined) return Promise.resolve(next);
    return within("a frame", new Promise((resolve) => this.#waiting.push(resolve)));
  }

  async frame() {
    return JSON.parse(await this.text());
  }

  ask(Action, Seq, Data) {
    this.ws.send(JSON.stringify({ Module: "robot", Action, Seq, Data }));
    return this.frame();
  }
}

function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} didn't come within ${TIMEOUT} ms`)), TIMEOUT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function admin(url, key, path, body) {
  const answer = await fetch(url + path, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  assert.equal(answer.ok, true, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

function isPing(reply, Seq) {
  assert.equal(typeof reply.Data.time, "number");
  assert.ok(Math.abs(reply.Data.time - Date.now()) < 3_600_000, "time is in milliseconds");
  delete reply.Data;
  assert.deepEqual(reply, Seq === undefined ? { Module: "robot", Action: "Ping", Code: 0 } : { Module: "robot", Action: "Ping", Seq, Code: 0 });
}

function isRefused(reply, Action, Seq, Code) {
  assert.equal(typeof reply.Msg, "string");
  const { Msg, Temporary, ...rest } = reply;
  assert.deepEqual(rest, { Module: "robot", Action, Seq, Code });
}

async function openMode(url, adminURL, key) {
  const web = await Client.connect(url);
  isPing(await web.ask("Ping", 0), 0);
  isRefused(await web.ask("HeartBeat", 1), "HeartBeat", 1, 401);

  const login = await web.ask("Login", 2, { UserId: "node", PlatId: 1, DeviceId: "d1", AppId: "tests" });
  assert.equal(login.Code, 0, JSON.stringify(login));
  assert.equal(login.Data.user, "node");
  assert.equal(login.Data.platform, "web");
  assert.equal(typeof login.Data.session, "string");
  assert.ok(login.Data.heartbeat > 0);

  assert.deepEqual(await web.ask("HeartBeat"), { Module: "robot", Action: "HeartBeat", Code: 0 });
  assert.deepEqual(await web.ask("HeartBeat", 3), { Module: "robot", Action: "HeartBeat", Seq: 3, Code: 0 });
  isPing(await web.ask("Ping"));

  // What can't be read, each on its own rule.
  for (const bad of ["", "[]", "null", '{"Module":"robot"}', '{"Module":"robot","Action":1}', '{"Module":"robot","Action":"Ping"} x', '{"Module":"robot","Action":"Ping","Seq":-1}', '{"Module":"robot","Action":"Ping","Seq":4294967296}']) {
    web.ws.send(bad);
    assert.equal((await web.frame()).Code, 400, bad);
  }

  const pong = within("a pong", new Promise((resolve) => web.ws.once("pong", (data) => resolve(String(data)))));
  web.ws.ping("alive?");
  assert.equal(await pong, "alive?");

  // The same user on a second platform: both receive, digits intact.
  const phone = await Client.connect(url);
  assert.equal((await phone.ask("Login", 1, { UserId: "node", PlatId: "android" })).Code, 0);
  const receipt = await admin(adminURL, key, "/api/push", '{"users":["node"],"message":{"text":"grüße 😀","big":9007199254740993}}');
  assert.equal(receipt.sessions, 2);
  assert.equal(receipt.users, 1);
  for (const client of [web, phone]) {
    const text = await client.text();
    assert.ok(text.includes("9007199254740993"), `a big number lost digits: ${text}`);
    const push = JSON.parse(text);
    assert.equal("Code" in push, false);
    assert.deepEqual([push.Module, push.Action, push.Data.text], ["push", "Message", "grüße 😀"]);
  }

  // Narrowed to one platform, the other hears nothing of it.
  await admin(adminURL, key, "/api/push", { users: ["node"], platforms: ["android"], message: { n: 1 } });
  assert.deepEqual((await phone.frame()).Data, { n: 1 });
  assert.deepEqual(await web.ask("HeartBeat", 4), { Module: "robot", Action: "HeartBeat", Seq: 4, Code: 0 });

  assert.deepEqual(await web.ask("Logout", 5), { Module: "robot", Action: "Logout", Seq: 5, Code: 0 });
  isRefused(await web.ask("HeartBeat", 6), "HeartBeat", 6, 401);
  web.ws.close(1000);
  assert.equal((await within("our close", web.closed)).code, 1000);

  await admin(adminURL, key, "/api/kick", { user: "node", platform: "android", reason: "enough" });
  assert.equal((await within("the kick", phone.closed)).code, 4004);

  // Binary frames are not part of the protocol.
  const binary = await Client.connect(url);
  binary.ws.send(Buffer.from("{}"), { binary: true });
  assert.equal((await within("the close", binary.closed)).code, 1003);
}

async function tokenMode(url, token) {
  const without = await Client.connect(url);
  isRefused(await without.ask("Login", 1, { UserId: "tess", PlatId: 1 }), "Login", 1, 401);
  without.ws.terminate();

  const garbled = await Client.connect(url);
  isRefused(await garbled.ask("Login", 1, { UserId: "tess", PlatId: 1, Token: token.slice(0, -4) + "AAAA" }), "Login", 1, 401);
  garbled.ws.terminate();

  const good = await Client.connect(url);
  assert.equal((await good.ask("Login", 1, { UserId: "tess", PlatId: 4, Token: token })).Code, 0);
  good.ws.close();
  await within("our close", good.closed);

  // Logged in by the opening handshake.
  for (const [how, protocols, options] of [
    ["header", [], { headers: { Authorization: `Bearer ${token}` } }],
    ["subprotocol", ["pushd.v1", `pushd.token.${token}`], {}],
  ]) {
    const client = await Client.connect(url, protocols, options);
    if (protocols.length) assert.equal(client.ws.protocol, "pushd.v1");
    client.ws.send('{"Module":"robot","Action":"HeartBeat","Seq":9}');
    let reply;
    do reply = await client.frame();
    while (reply.Seq !== 9); // whatever the server says first
    assert.equal(reply.Code, 0, how);
    client.ws.close();
    await within("our close", client.closed);
  }
}

const [mode, ...args] = process.argv.slice(2);
await { open: openMode, token: tokenMode }[mode](...args);
console.log(`ws ${createRequire(import.meta.url)("ws/package.json").version}: ${mode} ok`);
process.exit(0);
