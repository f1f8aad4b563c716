// Who there is: groups with their names, friends, and who is online.

// How many users' presence is watched at most, those of the latest conversations.
const MAX_WATCHED = 60;
const MAX_MEMBERS = 200;
const MAX_CHECKED = 100; // members whose presence is asked for

/** Tells "change" when groups, friends or presence changed, and "left" with { group, by }. */
export class People extends EventTarget {
  groups = new Map(); // id → info as the server tells it
  friends = new Map(); // user → { user, state, remark, text, blocked }
  online = new Map(); // user → platforms; who isn't in it wasn't asked about

  #client;
  #chat;
  #asked = new Set(); // groups whose info was asked for in this session
  #watched = new Set();
  #scheduled = false;

  constructor(client, chat) {
    super();
    this.#client = client;
    this.#chat = chat;
    client.addEventListener("session", ({ detail }) => {
      this.#asked.clear();
      this.#watched.clear();
      if (!detail) this.online.clear();
    });
    client.addEventListener("push", ({ detail }) => this.#pushed(detail));
    chat.addEventListener("change", () => this.#look());
    chat.addEventListener("state", () => {
      if (chat.ready) this.refreshFriends().catch(() => {}); // the list of friends can be opened again
      this.#look();
    });
  }

  /** What to call a conversation. */
  title(c) {
    switch (c.kind) {
      case "s":
        return this.name(c.peer);
      case "g":
        return this.groups.get(c.group)?.name || c.group;
      case "n":
        return "Notifications";
      case "b":
        return "Announcements";
      default:
        return c.conv;
    }
  }

  /** What to call a user. */
  name(user) {
    return this.friends.get(user)?.remark || (user.startsWith("bot:") ? user.slice(4) : user);
  }

  /** Whether a user is online; undefined where that isn't known. */
  isOnline(user) {
    const platforms = this.online.get(user);
    return platforms && platforms.length > 0;
  }

  // ── Groups ────────────────────────────────────────────────────────────────

  async createGroup(data) {
    const info = await this.#ask("group", "Create", data);
    return this.#learn(info);
  }

  /** Joins; resolves with the conversation, or null while an admin has to answer. */
  async joinGroup(group, text) {
    const reply = await this.#ask("group", "Join", { group, ...(text && { text }) });
    if (!reply.joined) return null;
    return this.#learn(await this.#ask("group", "Info", { group }));
  }

  async leaveGroup(c) {
    await this.#ask("group", "Leave", { group: c.group });
    this.#gone(c.group);
  }

  async dismissGroup(c) {
    await this.#ask("group", "Dismiss", { group: c.group });
    this.#gone(c.group);
  }

  invite(group, users) {
    return this.#ask("group", "Invite", { group, users });
  }

  removeMember(group, user) {
    return this.#ask("group", "Remove", { group, users: [user] });
  }

  async members(group) {
    const page = await this.#ask("group", "Members", { group, limit: MAX_MEMBERS });
    const users = page.members.map(({ user }) => user).slice(0, MAX_CHECKED);
    this.#client.online(users).then(({ online }) => {
      for (const user of users) this.online.set(user, []);
      for (const { user, platforms } of online) this.online.set(user, platforms);
      this.#changed();
    }, () => {}); // then nobody is shown as online
    return page;
  }

  requests(group) {
    return this.#ask("group", "Requests", { group, limit: 50 });
  }

  answer(group, user, accept) {
    return this.#ask("group", "Answer", { group, user, accept });
  }

  // ── Friends ───────────────────────────────────────────────────────────────

  async refreshFriends() {
    const { friends } = await this.#ask("friend", "List", { limit: 200 });
    this.friends = new Map(friends.map((friend) => [friend.user, friend]));
    this.#watch();
    this.#changed();
  }

  async befriend(user, text) {
    await this.#ask("friend", "Request", { user, ...(text && { text }) });
    await this.refreshFriends();
  }

  async answerFriend(user, accept) {
    await this.#ask("friend", accept ? "Accept" : "Refuse", { user });
    await this.refreshFriends();
  }

  async unfriend(user) {
    await this.#ask("friend", "Remove", { user });
    await this.refreshFriends();
  }

  async block(user, on) {
    await this.#ask("friend", "Block", { user, on });
    await this.refreshFriends();
  }

  get asking() {
    return [...this.friends.values()].filter(({ state }) => state === "asking");
  }

  // ── What comes by itself ──────────────────────────────────────────────────

  #pushed({ Module, Action, Data }) {
    if (!Data) return;
    if (Module === "presence" && Array.isArray(Data.users)) this.#presence(Action, Data.users);
    if (Module === "friend") this.refreshFriends().catch(() => {}); // what was pushed is in the next list
    if (Module !== "group") return;
    if (Data.info) this.#learn(Data.info);
    if (Action === "Left" && Data.users?.includes(this.#chat.me)) this.#gone(Data.group, Data.by);
    else if (Action === "Dismissed") this.#gone(Data.group, Data.by);
    else if (Action === "Joined" && Data.users?.includes(this.#chat.me)) this.#chat.withGroup(Data.group, Data.conv);
    const known = this.groups.get(Data.group);
    if (known && Action === "Joined") known.members += Data.count ?? 0;
    if (known && Action === "Left") known.members -= Data.count ?? 0;
    this.#look();
    this.dispatchEvent(new CustomEvent("group", { detail: Data.group }));
    this.#changed();
  }

  #presence(action, users) {
    for (const { user, platforms } of users) {
      const there = new Set(this.online.get(user) ?? []);
      for (const platform of platforms) {
        if (action === "Online") there.add(platform);
        else there.delete(platform);
      }
      this.online.set(user, [...there]);
    }
    this.#changed();
  }

  #learn(info) {
    this.groups.set(info.id, info);
    this.#asked.add(info.id);
    const c = this.#chat.withGroup(info.id, info.conv);
    c.lastTime ||= info.created ?? 0;
    this.#changed();
    return c;
  }

  #gone(group, by = "") {
    this.groups.delete(group);
    const c = this.#chat.withGroup(group, `g:${group}`);
    this.#chat.forget(c);
    this.dispatchEvent(new CustomEvent("left", { detail: { conversation: c, by } }));
    this.#changed();
  }

  // Asks for what the conversations on the list need, many changes at a time.
  #look() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#chat.ready) return;
      this.#name();
      this.#watch();
    });
  }

  #name() {
    for (const { kind, group } of this.#chat.list()) {
      if (kind !== "g" || this.#asked.has(group)) continue;
      this.#asked.add(group);
      this.#ask("group", "Info", { group }).then((info) => this.#learn(info), () => {}); // then its id is its name
    }
  }

  async #watch() {
    const peers = [...this.#chat.list().map(({ peer }) => peer), ...[...this.friends.values()].filter(({ state }) => state === "friend").map(({ user }) => user)];
    const wanted = [...new Set(peers.filter((peer) => peer && !peer.startsWith("bot:")))];
    const fresh = wanted.filter((user) => !this.#watched.has(user)).slice(0, Math.max(0, MAX_WATCHED - this.#watched.size));
    if (fresh.length === 0 || this.#client.state !== "online") return;
    for (const user of fresh) this.#watched.add(user);
    try {
      // After a reconnect the client has watched them again by itself.
      const again = fresh.every((user) => this.#client.watched.has(user));
      const { online } = await (again ? this.#client.online(fresh) : this.#client.watch(fresh));
      for (const user of fresh) this.online.set(user, []);
      for (const { user, platforms } of online) this.online.set(user, platforms);
      this.#changed();
    } catch {
      // Presence is shown where it can be had; the next session asks again.
    }
  }

  #ask(module, action, data) {
    return this.#client.request(module, action, data);
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}
