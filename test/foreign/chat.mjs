// Two users of a client that is not ours, npm's ws, chat: text, image, receipts,
// recall, edit, group, and a reconnect after the server was away.
//
//   node chat.mjs before WS_URL HTTP_URL    then the server is restarted, and
//   node chat.mjs after  WS_URL HTTP_URL
//
// Exits non-zero at the first thing that differs from docs/chat.md.
import assert from "node:assert/strict";
import WebSocket from "ws";

const TIMEOUT = 20_000;

// Client tells replies, which it finds by their Seq, from pushes, which wait until
// somebody asks for them.
class Client {
  #seq = 0;
  #replies = new Map();
  #pushes = [];
  #waiting = [];

  static async login(url, user, platform = "web") {
    const c = new Client();
    c.ws = new WebSocket(url);
    c.ws.on("message", (data) => c.#take(JSON.parse(String(data))));
    await new Promise((resolve, reject) => c.ws.once("open", resolve).once("error", reject));
    c.login = await c.ok("robot", "Login", { UserId: user, PlatId: platform });
    return c;
  }

  #take(frame) {
    if (frame.Code !== undefined) {
      this.#replies.get(frame.Seq)(frame);
      this.#replies.delete(frame.Seq);
      return;
    }
    const at = this.#waiting.findIndex((w) => w.wants(frame));
    if (at < 0) this.#pushes.push(frame);
    else this.#waiting.splice(at, 1)[0].resolve(frame);
  }

  ask(Module, Action, Data) {
    const Seq = ++this.#seq;
    return within(`${Module}.${Action}`, new Promise((resolve) => {
      this.#replies.set(Seq, resolve);
      this.ws.send(JSON.stringify({ Module, Action, Seq, Data }));
    }));
  }

  async ok(module, action, data) {
    const reply = await this.ask(module, action, data);
    assert.equal(reply.Code, 0, `${module}.${action}: ${JSON.stringify(reply)}`);
    return reply.Data;
  }

  // push is the data of the first push of its kind that has these values.
  async push(module, action, values = {}) {
    const wants = (f) => f.Module === module && f.Action === action && Object.entries(values).every(([k, v]) => f.Data[k] === v);
    const at = this.#pushes.findIndex(wants);
    if (at >= 0) return this.#pushes.splice(at, 1)[0].Data;
    const frame = await within(`${module}.${action} ${JSON.stringify(values)}`, new Promise((resolve) => this.#waiting.push({ wants, resolve })));
    return frame.Data;
  }

  close() {
    return new Promise((resolve) => {
      this.ws.once("close", resolve);
      this.ws.close();
    });
  }
}

function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} didn't come within ${TIMEOUT} ms`)), TIMEOUT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// A picture of one pixel.
const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

const http = (base, user, path, options = {}) =>
  fetch(base + path, { ...options, headers: { Authorization: `Bearer ${user}`, ...options.headers } });

async function before(url, base) {
  const alice = await Client.login(url, "alice");
  const phone = await Client.login(url, "alice", "ios");
  const bob = await Client.login(url, "bob");

  // Text, with a client_id that makes it safe to send twice.
  const text = { to: "user:bob", type: "text", text: "hello", client_id: "a-1" };
  const sent = await alice.ok("chat", "Send", text);
  assert.equal(sent.seq, 1);
  const again = await alice.ok("chat", "Send", text);
  assert.deepEqual([again.id, again.seq], [sent.id, sent.seq]);
  const got = await bob.push("chat", "Message", { id: sent.id });
  assert.deepEqual([got.conv, got.seq, got.from, got.type, got.text], [sent.conv, 1, "alice", "text", "hello"]);
  await phone.push("chat", "Message", { id: sent.id }); // the sender's other device

  // Receipts.
  await bob.ok("chat", "Delivered", { conv: got.conv, seq: 1 });
  assert.equal((await alice.push("chat", "Receipt", { user: "bob", delivered: 1 })).conv, got.conv);
  await bob.ok("chat", "Read", { conv: got.conv, seq: 1 });
  await alice.push("chat", "Receipt", { user: "bob", read: 1 });

  // An image: uploaded over HTTP, then its URL is sent.
  const upload = await http(base, "alice", "/api/v1/files?name=dot.png", { method: "POST", body: png, headers: { "Content-Type": "image/png" } });
  assert.equal(upload.ok, true, await upload.clone().text());
  const file = await upload.json();
  assert.equal((await http(base, "bob", file.url)).status, 403, "before it is sent to bob");
  const image = await alice.ok("chat", "Send", { to: "user:bob", type: "img", url: file.url, width: 1, height: 1 });
  const shown = await bob.push("chat", "Message", { id: image.id });
  const download = await http(base, "bob", shown.url);
  assert.equal(download.status, 200);
  assert.deepEqual(Buffer.from(await download.arrayBuffer()), png);
  assert.equal((await http(base, "eve", shown.url)).status, 403, "eve is not in the conversation");

  // Edit and recall.
  await alice.ok("chat", "Edit", { id: sent.id, type: "text", text: "hello, bob" });
  assert.equal((await bob.push("chat", "Edited", { id: sent.id })).text, "hello, bob");
  await alice.ok("chat", "Recall", { id: image.id });
  await bob.push("chat", "Recalled", { id: image.id });
  const history = await bob.ok("chat", "History", { to: "user:alice" });
  assert.deepEqual(history.messages.map((m) => [m.seq, m.type]), [[2, "recalled"], [1, "text"]]);
  const eve = await Client.login(url, "eve");
  assert.equal((await eve.ask("chat", "History", { conv: sent.conv })).Code, 403);

  // A group.
  const group = await alice.ok("group", "Create", { name: "team", members: ["bob", "carol"] });
  const joined = await bob.push("group", "Joined", { group: group.id });
  assert.equal(joined.conv, group.conv);
  const said = await bob.ok("chat", "Send", { to: `group:${group.id}`, type: "text", text: "hi all" });
  assert.equal((await alice.push("chat", "Message", { id: said.id })).conv, group.conv);
  assert.equal((await eve.ask("chat", "Send", { to: `group:${group.id}`, type: "text", text: "me too" })).Code, 403);

  // Bob goes away and misses two.
  await bob.close();
  await alice.ok("chat", "Send", { to: "user:bob", type: "text", text: "missed 1", client_id: "a-2" });
  await alice.ok("chat", "Send", { to: "user:bob", type: "text", text: "missed 2", client_id: "a-3" });
  await Promise.all([alice.close(), phone.close(), eve.close()]);
}

// after the server was restarted: nothing is lost.
async function after(url) {
  const bob = await Client.login(url, "bob");
  assert.ok(bob.login.unread >= 2, `unread: ${bob.login.unread}`);
  const whole = await bob.ok("chat", "Sync", { cursors: { "s:alice:bob": { seq: 2, rev: 0 } } });
  assert.equal(whole.whole, true);
  const single = whole.conversations.find((c) => c.conv === "s:alice:bob");
  assert.deepEqual(single.messages.map((m) => [m.seq, m.text]), [[3, "missed 1"], [4, "missed 2"]]);
  assert.deepEqual(single.changed.map((m) => [m.seq, m.type, m.text]), [[1, "text", "hello, bob"], [2, "recalled", undefined]]);
  const group = whole.conversations.find((c) => c.kind === "g");
  assert.ok(group.messages.some((m) => m.text === "hi all"));

  const alice = await Client.login(url, "alice");
  const retried = await alice.ok("chat", "Send", { to: "user:bob", type: "text", text: "missed 2", client_id: "a-3" });
  assert.equal(retried.seq, 4, "the same as before the restart");
  const next = await alice.ok("chat", "Send", { to: "user:bob", type: "text", text: "and on" });
  assert.equal(next.seq, 5);
  await bob.push("chat", "Message", { id: next.id });
  await Promise.all([alice.close(), bob.close()]);
}

const [mode, url, base] = process.argv.slice(2);
await { before, after }[mode](url, base);
console.log("ok");
