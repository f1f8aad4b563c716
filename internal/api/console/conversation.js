// One conversation as a client knows it: its head, and a run of its messages
// without holes. A message beyond the end of the run waits aside until those
// between are there, so nothing is shown out of order, and nothing twice.

// What is kept while nobody scrolls back; more is fetched again when it is asked for.
const MAX_RUN = 600;
// So much may wait beyond a hole; the rest is fetched with the hole.
const MAX_AHEAD = 500;

export class Conversation {
  conv = ""; // the server's name for it; "" until there is a first message
  kind = "";
  peer = ""; // single: the other user
  group = ""; // group: its id
  maxSeq = 0;
  rev = 0;
  joinSeq = 0;
  readSeq = 0;
  unread = 0;
  peerRead = 0;
  peerGot = 0;
  last = null;
  lastTime = 0;
  mentioned = false;

  messages = []; // ascending by seq
  high = 0; // everything from the first of them up to here is in messages
  loaded = false; // messages is a run; before, only the head is known
  complete = false; // there is nothing before the run
  readers = new Map(); // user → how far they have read, as far as this page knows
  typing = new Map(); // user → until when, by performance.now()
  draft = ""; // what is typed and not sent

  #me;
  #ahead = new Map(); // seq → message

  constructor(me, names) {
    this.#me = me;
    Object.assign(this, names);
  }

  /** Takes what the server says of the conversation as a whole. */
  update(head) {
    this.maxSeq = Math.max(this.maxSeq, head.max_seq);
    this.rev = Math.max(this.rev, head.rev ?? 0);
    this.joinSeq = head.join_seq ?? this.joinSeq;
    this.readSeq = Math.max(this.readSeq, head.read_seq ?? 0);
    this.peerRead = Math.max(this.peerRead, head.peer_read ?? 0);
    this.peerGot = Math.max(this.peerGot, head.peer_delivered ?? 0);
    if (head.max_seq >= this.maxSeq) {
      // What was read here a moment ago, the server may not have been told yet.
      const ahead = this.readSeq >= head.max_seq;
      this.unread = ahead ? 0 : head.unread ?? 0;
      this.mentioned = !ahead && head.mentioned === true;
    }
    if (head.last && head.last.seq >= (this.last?.seq ?? 0)) this.last = head.last;
    this.lastTime = Math.max(this.lastTime, head.last_time ?? 0, this.last?.time ?? 0);
  }

  /** Takes one message, from wherever it came. */
  take(message) {
    const { seq } = message;
    if (seq > this.maxSeq) this.#newest(message);
    else if (seq === this.last?.seq) this.last = message;
    if (!this.loaded) return;
    if (seq > this.high + 1) {
      if (this.#ahead.size < MAX_AHEAD) this.#ahead.set(seq, message);
      return;
    }
    this.#place(message);
    this.high = Math.max(this.high, seq);
    this.#closeUp();
  }

  /** Takes a page that holds everything after seq, up to its own last message. */
  extend(page, after, more) {
    const pageOf = ascending(page);
    for (const message of pageOf) {
      if (message.seq > this.maxSeq) this.#newest(message);
      if (this.loaded && after <= this.high) this.#place(message);
    }
    if (!this.loaded || after > this.high) return;
    // An empty page at the end means that the numbers up to there show nothing.
    this.high = Math.max(this.high, pageOf.at(-1)?.seq ?? (more ? 0 : this.maxSeq));
    this.#closeUp();
  }

  /** Takes the newest page, and forgets what is older. */
  begin(page, more) {
    const kept = ascending(page);
    this.messages = [];
    this.loaded = true;
    this.complete = !more;
    this.high = kept.at(-1)?.seq ?? this.maxSeq;
    for (const message of kept) {
      if (message.seq > this.maxSeq) this.#newest(message);
      this.#place(message);
    }
    this.#closeUp();
  }

  /** Takes a page of what is before the run. */
  prepend(page, more) {
    for (const message of page) this.#place(message);
    this.complete = !more || page.length === 0;
  }

  /** Takes what changed of a message that is known: by seq, or by id. */
  patch({ id, seq }, change) {
    const message = this.messages.find((one) => (seq ? one.seq === seq : one.id === id));
    if (message) this.#place({ ...message, ...change });
    if (this.last && (this.last.seq === seq || this.last.id === id)) this.last = { ...this.last, ...change };
  }

  /** How many messages lie between the run and the conversation's end. */
  get missing() {
    return this.loaded ? this.maxSeq - this.high : 0;
  }

  get first() {
    return this.messages[0]?.seq ?? this.maxSeq + 1;
  }

  at(seq) {
    return this.messages[this.#index(seq)]?.seq === seq ? this.messages[this.#index(seq)] : undefined;
  }

  /** Drops the oldest messages of a long run. */
  trim() {
    if (this.messages.length <= MAX_RUN) return;
    this.messages.splice(0, this.messages.length - MAX_RUN / 2);
    this.complete = false;
  }

  /** Moves a reader's mark; reports whether it moved. */
  markRead(user, seq) {
    if (user === this.#me) {
      if (seq <= this.readSeq) return false;
      this.readSeq = seq;
      if (seq >= this.maxSeq) {
        this.unread = 0;
        this.mentioned = false;
      } else {
        this.unread = Math.min(this.unread, this.maxSeq - seq);
      }
      return true;
    }
    if (user === this.peer) {
      const moved = seq > this.peerRead;
      this.peerRead = Math.max(this.peerRead, seq);
      this.peerGot = Math.max(this.peerGot, seq);
      return moved;
    }
    if (seq <= (this.readers.get(user) ?? 0)) return false;
    this.readers.set(user, seq);
    return true;
  }

  #newest(message) {
    const { seq, from, time, mention = [] } = message;
    if (from === this.#me) {
      this.unread = 0;
      this.mentioned = false;
    } else {
      this.unread += seq - this.maxSeq;
      this.mentioned ||= mention.includes(this.#me) || mention.includes("*");
      this.typing.delete(from);
    }
    this.maxSeq = seq;
    this.last = message;
    this.lastTime = Math.max(this.lastTime, time);
  }

  // Where seq is in messages, or would be.
  #index(seq) {
    let [low, high] = [0, this.messages.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.messages[middle].seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #place(message) {
    const at = this.#index(message.seq);
    const known = this.messages[at]?.seq === message.seq ? this.messages[at] : undefined;
    // What was recalled stays so, whatever page comes late.
    if (known?.type === "recalled" && message.type !== "recalled") return;
    const named = known?.client_id && !message.client_id ? { client_id: known.client_id } : undefined;
    this.messages.splice(at, known ? 1 : 0, named ? { ...message, ...named } : message);
  }

  #closeUp() {
    for (const seq of this.#ahead.keys()) if (seq <= this.high) this.#ahead.delete(seq);
    for (let next; (next = this.#ahead.get(this.high + 1)); ) {
      this.#ahead.delete(next.seq);
      this.#place(next);
      this.high = next.seq;
    }
  }
}

function ascending(page) {
  return [...page].sort((a, b) => a.seq - b.seq);
}

/** Where a message to a conversation goes, also before it has a name. */
export function targetOf({ conv, peer, kind, group }) {
  if (conv) return conv;
  if (kind === "g") return `group:${group}`;
  return peer.startsWith("bot:") ? peer : `user:${peer}`;
}

/** What the key of a conversation says: its kind, and whose it is. */
export function namesOf(conv, me) {
  const kind = conv.slice(0, conv.indexOf(":"));
  const rest = conv.slice(kind.length + 1);
  if (kind === "g") return { kind, group: rest };
  if (kind !== "s") return { kind };
  const users = rest.split(":").map(decodeURIComponent);
  return { kind, peer: users.find((user) => user !== me) ?? me };
}
