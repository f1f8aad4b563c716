// Tells the server how far this user has received and read each conversation. Marks of
// one moment are sent together, and those that a lost connection may have swallowed
// are sent again.

const GATHER = 250;

export class Marks {
  #request;
  #waiting = { Delivered: new Map(), Read: new Map() }; // Conversation → seq
  #timer = 0;
  #open = false;

  /** request(action, data) asks the module chat. */
  constructor(request) {
    this.#request = request;
  }

  set(action, conversation, seq) {
    const marks = this.#waiting[action];
    if ((marks.get(conversation) ?? 0) < seq) marks.set(conversation, seq);
    this.#soon();
  }

  resume() {
    this.#open = true;
    this.#soon();
  }

  pause() {
    this.#open = false;
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  clear() {
    this.#waiting.Delivered.clear();
    this.#waiting.Read.clear();
  }

  #soon() {
    if (!this.#open || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#tell();
    }, GATHER);
  }

  #tell() {
    for (const [action, marks] of Object.entries(this.#waiting)) {
      for (const [c, seq] of marks) {
        const told = () => marks.get(c) === seq && marks.delete(c);
        this.#request(action, { conv: c.conv, seq }).then(told, (error) => {
          // What was refused for good isn't worth another try.
          if (error.code !== null && !error.temporary) told();
        });
      }
    }
  }
}
