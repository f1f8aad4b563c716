// Who is signed in: with a password, with a token from elsewhere, or in open
// mode with a name alone. Tokens stay in memory, but for the refresh token, which
// this tab keeps until it is closed, so that loading the page again is no logout.

const KEY = "pushd.session";
const EARLY = 60_000; // a token is renewed so long before it runs out

export class Account extends EventTarget {
  user = "";

  #api = null;
  #token = "";
  #refresh = "";
  #expires = 0; // Unix milliseconds; 0 is unknown
  #renewal = null; // under way

  /** What HTTP requests carry; a server in open mode takes the user's id. */
  get bearer() {
    return this.#token || this.user;
  }

  /** When the token should be renewed, or 0. */
  get renewAt() {
    return this.#refresh && this.#expires ? this.#expires - EARLY : 0;
  }

  /** What the client logs in with: a token, or a function where it can be renewed. */
  get forClient() {
    return this.#refresh ? () => this.fresh() : this.#token;
  }

  /** api is given later, as it asks this for its token. */
  attach(api) {
    this.#api = api;
  }

  /** Takes a name as it is, or with a token from elsewhere. */
  use(user, token = "") {
    this.#set({ user, token });
    if (token) forget();
    else remember({ user });
  }

  async login(user, password) {
    this.#take(await this.#api.login(user, password));
  }

  async register(user, password) {
    await this.#api.register(user, password);
    await this.login(user, password);
  }

  /** Takes up what this tab was signed in with; reports whether there was something. */
  async restore() {
    const { user, refresh } = remembered();
    if (!user) return false;
    if (refresh) this.#take(await this.#api.refresh(refresh));
    else this.#set({ user });
    return true;
  }

  /** A token that is good for a while; "" in open mode. */
  async fresh() {
    if (this.renewAt && Date.now() > this.renewAt) await this.renew();
    return this.#token;
  }

  async renew() {
    this.#renewal ??= this.#api.refresh(this.#refresh).finally(() => (this.#renewal = null));
    try {
      this.#take(await this.#renewal);
    } catch (error) {
      if (error.code === 401) forget();
      throw error;
    }
  }

  /** Ends it, on the server too. */
  async logout() {
    const tell = this.#refresh ? this.#api.request("POST", "api/v1/logout", {}) : null;
    this.#set({ user: "" });
    forget();
    await tell?.catch(() => {}); // it ends by itself when it runs out
  }

  #take({ user, token, expires, refresh_token: refresh }) {
    this.#set({ user, token, refresh, expires });
    remember({ user, refresh });
  }

  #set({ user, token = "", refresh = "", expires = 0 }) {
    if (user !== this.user) this.#api?.forget();
    this.user = user;
    this.#token = token;
    this.#refresh = refresh;
    this.#expires = expires;
    this.dispatchEvent(new CustomEvent("change"));
  }
}

// Browsers may forbid storage; then the page asks again.
function remember(session) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // It is asked again.
  }
}

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // There is nothing, then.
  }
}
