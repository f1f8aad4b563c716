// Messages that are written and not yet acknowledged. Each has a client_id, so
// that sending it again after a lost reply gives the message that is there
// already, and is sent until the server has acknowledged or refused it; those to
// one receiver in the order in which they were written.

import { backoff, RequestError } from "./client.js";

const MAX_ENTRIES = 200;

export class Outbox {
  entries = []; // { id, target, body, mention, ttl, file, time, state, progress, error }

  #send;
  #upload;
  #changed;
  #attempts = new Map(); // target → how often in a row it went wrong
  #running = new Set(); // targets that are being sent to
  #timers = new Map(); // target → of the next attempt
  #open = false;

  /**
   * send(entry) resolves when the server has the message, upload(entry, progress)
   * when it has entry.file, with the body that names it. changed is called after
   * every change.
   */
  constructor({ send, upload, changed }) {
    this.#send = send;
    this.#upload = upload;
    this.#changed = changed;
  }

  /** Queues a message. Throws a RequestError when too much is waiting. */
  add(target, message) {
    if (this.entries.length >= MAX_ENTRIES) {
      throw new RequestError("too many messages are waiting to be sent", { temporary: true });
    }
    const entry = { id: `c-${randomID()}`, target, time: Date.now(), state: "waiting", progress: 0, error: "", ...message };
    this.entries.push(entry);
    this.#changed(entry);
    this.#run(target);
    return entry;
  }

  /** Those to one receiver, oldest first. */
  of(target) {
    return this.entries.filter((entry) => entry.target === target);
  }

  /** Tries a refused one again. */
  retry(entry) {
    entry.state = "waiting";
    entry.error = "";
    this.#changed(entry);
    this.#run(entry.target);
  }

  /** Gives one up. What is on its way already can still arrive. */
  drop(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.#changed(entry);
  }

  /** Renames a receiver, once the server has named the conversation. */
  rename(from, to) {
    for (const entry of this.of(from)) entry.target = to;
  }

  /** Sends what waits, now that there is a session. */
  resume() {
    this.#open = true;
    this.#attempts.clear();
    for (const target of new Set(this.entries.map((entry) => entry.target))) this.#run(target);
  }

  /** Waits for the next session. */
  pause() {
    this.#open = false;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  clear() {
    this.pause();
    this.entries = [];
  }

  async #run(target) {
    if (this.#running.has(target)) return;
    this.#running.add(target);
    try {
      for (let entry; this.#open && (entry = this.of(target).find(({ state }) => state === "waiting")); ) {
        if (!(await this.#one(entry))) return;
        target = this.#follow(target, entry);
      }
    } finally {
      this.#running.delete(target);
    }
  }

  // A receiver can get another name while a message to it is on its way.
  #follow(target, entry) {
    if (entry.target === target) return target;
    this.#running.delete(target);
    this.#running.add(entry.target);
    return entry.target;
  }

  // Sends one; reports whether the next may follow now.
  async #one(entry) {
    entry.state = "sending";
    this.#changed(entry);
    try {
      if (entry.file && !entry.body.url) {
        entry.body = await this.#upload(entry, (progress) => {
          entry.progress = progress;
          this.#changed(entry);
        });
      }
      await this.#send(entry);
      this.#attempts.delete(entry.target);
      this.drop(entry);
      return true;
    } catch (error) {
      return this.#failed(entry, error);
    }
  }

  #failed(entry, error) {
    const { target } = entry;
    const again = !(error instanceof RequestError) || error.code === null || error.temporary;
    entry.state = again ? "waiting" : "refused";
    entry.error = again ? "" : error.message;
    this.#changed(entry);
    if (!again) return true;
    if (!this.#open) return false;
    const attempt = this.#attempts.get(target) ?? 0;
    this.#attempts.set(target, attempt + 1);
    clearTimeout(this.#timers.get(target));
    const delay = Math.max(backoff(attempt), error.retryAfter ?? 0);
    this.#timers.set(target, setTimeout(() => {
      this.#timers.delete(target);
      this.#run(entry.target);
    }, delay));
    return false;
  }
}

// crypto.randomUUID is only there for pages that came over https or from localhost.
export function randomID() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
