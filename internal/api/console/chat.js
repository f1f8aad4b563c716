// Chat on top of a PushClient: conversations with their messages, kept whole
// over lost connections. After every login it asks what it missed, and once more
// a moment later, since a message may fall between the two; a hole in the
// numbers of a conversation is filled as soon as it is seen.
//
//   const chat = new Chat(client, new Api({ token: () => token }));
//   chat.addEventListener("change", () => draw(chat.list()));
//   client.connect();

import { Conversation, namesOf, targetOf } from "./conversation.js";
import { Marks } from "./marks.js";
import { Outbox } from "./outbox.js";

const PAGE = 50;
const HEADS = 100; // conversations in a page of them
const MAX_HEADS = 1_000; // that are asked for at the start
const MAX_CURSORS = 500; // conversations that a Sync names; the server lists what it isn't told of
const MAX_FILL = 400; // messages of a hole; over a wider one the newest page is taken
const AGAIN = 2_000; // the second Sync after a login
const TYPING_EVERY = 3_000;
const TYPING_FOR = 5_000;

/**
 * Events, each with its detail:
 *
 *   change   a Conversation that changed, or null when many did; the outbox counts
 *   message  { conversation, message }: one that came now, from somebody else
 *   state    ready or available has changed
 *   problem  an error that nobody waits for
 */
export class Chat extends EventTarget {
  me = "";
  ready = false; // what the server has is here
  available = true; // false when the server keeps no conversations

  #client;
  #api;
  #conversations = new Map(); // conv, or target where the server has named none yet
  #started = false; // the list has been fetched once for this user
  #generation = 0; // of the session; what an older one answers is late
  #again = 0; // the timer of the next Sync
  #marks;
  #typed = new Map(); // Conversation → when typing was last told

  constructor(client, api) {
    super();
    this.#client = client;
    this.#api = api;
    this.#marks = new Marks((action, data) => client.request("chat", action, data));
    this.outbox = new Outbox({
      send: (entry) => this.#transmit(entry),
      upload: (entry, progress) => this.#upload(entry, progress),
      changed: (entry) => this.#changed(this.#conversations.get(entry.target) ?? null),
    });
    client.addEventListener("session", ({ detail }) => (detail ? this.#enter(detail.user) : this.#leave()));
    client.addEventListener("push", ({ detail }) => this.#pushed(detail));
    if (client.session) this.#enter(client.session.user);
  }

  /** The conversations, the one with the latest message first. */
  list() {
    return [...this.#conversations.values()]
      .filter((c) => c.maxSeq > 0 || c.kind !== "s" || this.outbox.of(targetOf(c)).length > 0)
      .sort((a, b) => b.lastTime - a.lastTime);
  }

  get unread() {
    let sum = 0;
    for (const { unread } of this.#conversations.values()) sum += unread;
    return sum;
  }

  get(conv) {
    return this.#conversations.get(conv);
  }

  /** The conversation with a user or a bot, which may not have a message yet. */
  withUser(user) {
    for (const c of this.#conversations.values()) if (c.kind === "s" && c.peer === user) return c;
    return this.#add(targetOf({ peer: user }), { kind: "s", peer: user });
  }

  /** The conversation of a group. */
  withGroup(group, conv) {
    for (const c of this.#conversations.values()) if (c.kind === "g" && c.group === group) return c;
    return this.#add(conv, { conv, kind: "g", group });
  }

  /** Takes a conversation off the list: one left, or not to be seen. */
  forget(c) {
    this.#conversations.delete(c.conv || targetOf(c));
    this.#changed(null);
  }

  /** Loads the newest messages, if they aren't there. */
  async load(c) {
    if (c.loaded) return;
    if (!c.conv) {
      const { messages, more } = await this.#history(c, { limit: PAGE });
      if (messages.length > 0) c = this.#named(c, messages[0].conv);
      c.begin(messages, more);
    } else {
      await this.#reload(c);
    }
    this.#changed(c);
  }

  /** Loads a page of what is before the run. */
  async older(c, limit = PAGE) {
    if (!c.loaded || c.complete || c.loading) return;
    c.loading = true;
    try {
      const { messages, more } = await this.#history(c, { before: c.first, limit });
      c.prepend(messages, more);
    } finally {
      c.loading = false;
    }
    this.#changed(c);
  }

  /** Loads back to a message; reports whether it was reached. */
  async reach(c, seq) {
    await this.load(c);
    for (let pages = 0; c.first > seq && !c.complete && pages < 25; pages++) await this.older(c, 200);
    return c.at(seq) !== undefined;
  }

  /** Queues a message: { body, mention, ttl, file }. It goes out as soon as it can. */
  send(c, message) {
    return this.outbox.add(targetOf(c), { conversation: c, ...message });
  }

  /** Everything of it is read. */
  read(c) {
    if (!c.conv || !c.markRead(this.me, c.maxSeq)) return;
    this.#marks.set("Read", c, c.maxSeq);
    this.#changed(c);
  }

  /** Tells the others that something is being typed, now and then. */
  typing(c) {
    const now = performance.now();
    if (!c.conv || now - (this.#typed.get(c) ?? -TYPING_EVERY) < TYPING_EVERY) return;
    this.#typed.set(c, now);
    this.#client.request("chat", "Typing", { conv: c.conv }).catch(() => {}); // the next one will do
  }

  async recall(c, message) {
    await this.#client.request("chat", "Recall", { id: message.id });
    c.patch(message, emptied("recalled"));
    this.#changed(c);
  }

  async edit(c, message, { text, mention = [] }) {
    const reply = await this.#client.request("chat", "Edit", { id: message.id, type: "text", text, mention });
    c.patch(message, reply);
    this.#changed(c);
  }

  /** Gives or takes back a sign. */
  async react(c, message, sign, on) {
    const reply = await this.#client.request("chat", "React", { id: message.id, sign, on });
    c.patch(message, { reactions: reply.reactions });
    this.#changed(c);
  }

  /** Deletes messages for this user alone. */
  async remove(c, ...messages) {
    await this.#client.request("chat", "Delete", { conv: c.conv, seqs: messages.map(({ seq }) => seq) });
    for (const message of messages) c.patch(message, emptied("gone"));
    this.#changed(c);
  }

  search(q, conv = "", cursor = "") {
    return this.#client.request("chat", "Search", { q, limit: 30, ...(conv && { conv }), ...(cursor && { cursor }) });
  }

  /** Who has read a message of a group. */
  readers(c, seq) {
    return this.#client.request("chat", "Readers", { conv: c.conv, seq, limit: 200 });
  }

  versions(message) {
    return this.#client.request("chat", "Versions", { id: message.id });
  }

  // ── Session ───────────────────────────────────────────────────────────────

  async #enter(user) {
    if (user !== this.me) this.#forgetAll(user);
    const generation = ++this.#generation;
    clearTimeout(this.#again);
    try {
      if (!this.#started) await this.#start();
      if (generation !== this.#generation) return;
      await this.#sync(generation);
    } catch (error) {
      if (generation !== this.#generation) return;
      if (error.code === 404) {
        this.available = false;
        this.#tell("state");
        return;
      }
      if (error.code !== null) this.#tell("problem", error);
      // A server that is busy is asked again; a lost connection starts this anew.
      if (error.temporary) this.#again = setTimeout(() => this.#enter(user), Math.max(AGAIN, error.retryAfter));
      return;
    }
    this.available = this.ready = true;
    this.#tell("state");
    this.outbox.resume();
    this.#marks.resume();
    this.#again = setTimeout(() => this.#sync(generation).catch(() => {}), AGAIN); // the next login asks again
  }

  #leave() {
    this.#generation++;
    clearTimeout(this.#again);
    this.#marks.pause();
    this.outbox.pause();
    this.ready = false;
    this.#tell("state");
  }

  #forgetAll(user) {
    this.me = user;
    this.#started = false;
    this.#conversations.clear();
    this.#marks.clear();
    this.#typed.clear();
    this.outbox.clear();
    this.available = true;
    this.#changed(null);
  }

  async #start() {
    let cursor = "";
    do {
      const page = await this.#client.request("chat", "Conversations", { limit: HEADS, ...(cursor && { cursor }) });
      for (const head of page.conversations) this.#known(head).update(head);
      cursor = page.next_cursor ?? "";
    } while (cursor && this.#conversations.size < MAX_HEADS);
    this.#started = true;
    this.#changed(null);
  }

  async #sync(generation) {
    const cursors = {};
    const named = this.list().filter(({ conv }) => conv);
    for (const c of named.slice(0, MAX_CURSORS)) cursors[c.conv] = { seq: c.loaded ? c.high : c.maxSeq, rev: c.rev };
    let cursor = "";
    do {
      const page = await this.#client.request("chat", "Sync", { cursors, limit: PAGE, ...(cursor && { cursor }) });
      if (generation !== this.#generation) return;
      for (const head of page.conversations) this.#caughtUp(head, cursors[head.conv]?.seq ?? 0);
      for (const conv of page.removed ?? []) this.#conversations.delete(conv);
      cursor = page.next_cursor ?? "";
    } while (cursor);
    this.#changed(null);
  }

  #caughtUp(head, after) {
    const c = this.#known(head);
    const { messages = [], changed = [] } = head;
    if (head.reset && c.loaded) c.begin(messages, head.earlier === true);
    else c.extend(messages, after, head.more);
    for (const message of changed) c.patch(message, message);
    c.update(head);
    if (c.missing > 0) this.#fill(c);
    const newest = messages.at(-1);
    if (newest && newest.from !== this.me) this.#marks.set("Delivered", c, c.loaded ? c.high : c.maxSeq);
  }

  // ── Pushes ────────────────────────────────────────────────────────────────

  #pushed({ Module, Action, Data }) {
    if (Module !== "chat" || !Data) return;
    switch (Action) {
      case "Message":
        return this.#arrived(Data);
      case "Receipt":
        return this.#receipt(Data);
      case "Read":
        return this.#receipt({ ...Data, user: this.me, read: Data.seq });
      case "Recalled":
        return this.#altered(Data, emptied("recalled"));
      case "Edited":
        return this.#altered(Data, Data);
      case "Reaction":
        return this.#altered(Data, { reactions: Data.reactions });
      case "Deleted":
        for (const seq of Data.seqs) this.#altered({ conv: Data.conv, seq }, emptied("gone"));
        return undefined;
      case "Hidden":
        return this.#conversations.has(Data.conv) && this.forget(this.#conversations.get(Data.conv));
      case "Typing":
        return this.#types(Data);
      default:
        return undefined;
    }
  }

  #arrived(message) {
    const c = this.#known(message);
    const fresh = message.seq > c.maxSeq;
    c.take(message);
    if (c.missing > 0) this.#fill(c);
    this.#changed(c);
    if (message.from === this.me) return;
    this.#marks.set("Delivered", c, c.loaded ? c.high : c.maxSeq);
    if (fresh) this.#tell("message", { conversation: c, message });
  }

  #receipt({ conv, user, read = 0, delivered = 0 }) {
    const c = this.#conversations.get(conv);
    if (!c) return;
    if (user === c.peer) c.peerGot = Math.max(c.peerGot, delivered, read);
    if (read > 0) c.markRead(user, read);
    this.#changed(c);
  }

  #altered(data, change) {
    const c = this.#conversations.get(data.conv);
    if (!c) return;
    c.patch(data, change);
    if (data.rev) c.rev = Math.max(c.rev, data.rev);
    this.#changed(c);
  }

  #types({ conv, from }) {
    const c = this.#conversations.get(conv);
    if (!c || from === this.me) return;
    c.typing.set(from, performance.now() + TYPING_FOR);
    setTimeout(() => this.#changed(c), TYPING_FOR + 50);
    this.#changed(c);
  }

  // ── Requests ──────────────────────────────────────────────────────────────

  #history(c, query) {
    const where = c.conv ? { conv: c.conv } : { to: targetOf(c) };
    return this.#client.request("chat", "History", { ...where, ...query });
  }

  async #reload(c) {
    const { messages, more } = await this.#history(c, { limit: PAGE });
    c.begin(messages, more);
  }

  // Fetches what is missing at the end of a run. One at a time for each
  // conversation: what comes meanwhile is seen by the loop.
  async #fill(c) {
    if (c.filling) return;
    c.filling = true;
    try {
      for (let after = -1; c.missing > 0 && c.high > after; this.#changed(c)) {
        after = c.high;
        if (c.missing > MAX_FILL) {
          await this.#reload(c);
        } else {
          const { messages, more } = await this.#history(c, { after, limit: 200 });
          c.extend(messages, after, more);
        }
      }
    } catch (error) {
      if (error.code !== null) this.#tell("problem", error); // a lost connection is made good by Sync
    } finally {
      c.filling = false;
    }
  }

  async #transmit({ id, target, body, mention = [], ttl = 0 }) {
    const c = this.#conversations.get(target);
    const data = { ...(c?.conv ? { conv: c.conv } : { to: target }), ...body, client_id: id };
    if (mention.length > 0) data.mention = mention;
    if (ttl > 0) data.ttl = ttl;
    const sent = await this.#client.request("chat", "Send", data);
    const named = this.#named(c ?? this.#known(sent), sent.conv);
    // The outbox lets go of it right after this, so it is never shown twice.
    named.take({ from: this.me, client_id: id, mention, ...body, ...sent });
    if (named.missing > 0) this.#fill(named);
  }

  async #upload({ file, body, conversation }, progress) {
    const stored = await this.#api.upload(file, { conv: conversation.conv, to: conversation.conv ? "" : targetOf(conversation) }, progress);
    return { ...body, ...stored };
  }

  // The server's name of a conversation that had none.
  #named(c, conv) {
    if (c.conv || !conv) return c;
    const target = targetOf(c);
    const known = this.#conversations.get(conv);
    c.conv = conv;
    this.#conversations.delete(target);
    this.outbox.rename(target, conv);
    if (known && known !== c) return known;
    this.#conversations.set(conv, c);
    return c;
  }

  #known({ conv }) {
    const there = this.#conversations.get(conv);
    if (there) return there;
    const names = namesOf(conv, this.me);
    const begun = names.peer && this.#conversations.get(targetOf({ peer: names.peer }));
    return begun ? this.#named(begun, conv) : this.#add(conv, { conv, ...names });
  }

  #add(key, names) {
    const c = new Conversation(this.me, names);
    this.#conversations.set(key, c);
    return c;
  }

  #changed(c) {
    this.#tell("change", c);
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

// What is left of a message whose content is gone.
function emptied(type) {
  return { type, text: undefined, url: undefined, thumb: undefined, name: undefined, data: undefined, reactions: undefined };
}
