// The form that signs in, and what is shown instead of it afterwards.

const $ = (id) => document.getElementById(id);

export class SignIn {
  #client;
  #account;
  #tools;
  #timer = 0;
  #entered = false; // a session has been there since the form was sent

  /** tools are complain, describe, remember and remembered of the page. */
  constructor({ client, account, ...tools }) {
    this.#client = client;
    this.#account = account;
    this.#tools = tools;
    $("signin-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(event.submitter === $("register"));
    });
    $("signout").addEventListener("click", () => this.#out());
    client.addEventListener("session", ({ detail }) => this.#session(detail));
    client.addEventListener("state", () => this.#busy());
    $("name").value = tools.remembered("pushd.user");
    this.#show();
  }

  /** Signs in again as this tab was before it was loaded again. */
  async restore() {
    try {
      if (await this.#account.restore()) this.connect();
    } catch (error) {
      // A session that is over is asked for anew, and needs no words.
      if (error.code !== 401) this.#complain(this.#tools.describe(error));
    }
  }

  /** Connects with what is there. */
  connect() {
    this.#client.configure({ user: this.#account.user, platform: "web", token: this.#account.forClient });
    this.#client.connect();
  }

  /** The server refused a login. */
  refused(error) {
    if (this.#entered && !(error.code === 401 || error.code === 403)) return;
    this.#entered = false;
    const hint = error.code === 401 && !$("password").value && !$("paste").value ? " This server wants a password or a token." : "";
    this.#complain(this.#tools.describe(error) + hint);
    this.#show();
    if (hint) $("password").focus();
  }

  async #submit(register) {
    const user = $("name").value.trim();
    const [password, token] = [$("password").value, $("paste").value.trim()];
    this.#complain("");
    if (register && !password) {
      this.#complain("Choose a password for the new account.");
      $("password").focus();
      return;
    }
    $("signin-form").setAttribute("aria-busy", "true");
    try {
      if (register) await this.#account.register(user, password);
      else if (password) await this.#account.login(user, password);
      else this.#account.use(user, token);
      this.#tools.remember("pushd.user", user);
      this.connect();
    } catch (error) {
      this.#complain(error.code === 404 ? "This server keeps no accounts: leave the password empty, or paste a token." : this.#tools.describe(error));
    } finally {
      $("signin-form").removeAttribute("aria-busy");
    }
  }

  #session(session) {
    clearTimeout(this.#timer);
    if (!session) return;
    this.#entered = true;
    $("password").value = $("paste").value = "";
    this.#show();
    this.#renewal();
  }

  // A token is renewed on the open connection before it runs out.
  #renewal() {
    const { renewAt } = this.#account;
    if (!renewAt) return;
    const wait = Math.min(Math.max(1_000, renewAt - Date.now()), 2 ** 31 - 1);
    this.#timer = setTimeout(async () => {
      try {
        await this.#account.renew();
        await this.#client.login();
      } catch {
        // The server ends the session when the token runs out, and says so.
      }
    }, wait);
  }

  async #out() {
    this.#entered = false;
    this.#client.close();
    await this.#account.logout();
    this.#show();
    $("name").focus();
  }

  #show() {
    const inside = this.#entered && this.#account.user !== "";
    $("signin").hidden = inside;
    $("messenger").hidden = !inside;
  }

  #busy() {
    const busy = this.#client.state === "connecting" || this.#client.state === "open";
    $("enter").disabled = busy;
    $("enter").textContent = busy ? "Signing in…" : "Sign in";
  }

  #complain(text) {
    this.#tools.complain($("signin-error"), text);
  }
}
