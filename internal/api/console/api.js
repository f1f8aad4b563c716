// What a client does over HTTP: accounts, and files on their way up and down.

import { RequestError } from "./client.js";

const FILE = /^\/files\/([^/?#]+)\/([^/?#]+)$/;
const MAX_ASKED = 200; // files in one question for links
const MAX_LINKS = 2_000;

export class Api {
  #base;
  #token;
  #links = new Map(); // file id → { link: promise of { url, thumb }, until }
  #asked = new Map(); // file id → who waits for the next question
  #sources = new Map(); // path → object URL of what was uploaded here
  #local = new WeakMap(); // File → object URL

  /** token() is what requests carry: the user's token, or id in open mode. */
  constructor({ base = new URL(".", import.meta.url).href, token }) {
    this.#base = base;
    this.#token = token;
  }

  /** Asks; resolves with the reply's object or rejects with a RequestError. */
  async request(method, path, body, { token = this.#token() } = {}) {
    const headers = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(new URL(path, this.#base), { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
    } catch {
      throw new RequestError("the server can't be reached", { temporary: true });
    }
    const reply = await response.json().catch(() => ({}));
    if (response.ok) return reply;
    throw refusal(response.status, reply, response.headers.get("Retry-After"));
  }

  /** Logs in with a password; resolves with the tokens. */
  login(user, password) {
    return this.request("POST", "api/v1/login", { user, password, platform: "web" }, { token: "" });
  }

  register(user, password, name) {
    return this.request("POST", "api/v1/users", { user, password, ...(name && { name }) }, { token: "" });
  }

  refresh(refreshToken) {
    return this.request("POST", "api/v1/token/refresh", { refresh_token: refreshToken }, { token: "" });
  }

  /**
   * Uploads a file for a conversation. progress is told from 0 to 1. Resolves
   * with what a message carries of it.
   */
  upload(file, { conv = "" }, progress) {
    const url = new URL("api/v1/files", this.#base);
    url.searchParams.set("name", file.name);
    if (conv) url.searchParams.set("conv", conv);
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch tells nothing of what is sent
      request.open("POST", url);
      request.setRequestHeader("Authorization", `Bearer ${this.#token()}`);
      request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
      request.responseType = "json";
      request.upload.onprogress = ({ loaded, total }) => total > 0 && progress(loaded / total);
      request.onerror = () => reject(new RequestError("the server can't be reached", { temporary: true }));
      request.onload = () => {
        const { status, response } = request;
        if (status >= 300) return reject(refusal(status, response, request.getResponseHeader("Retry-After")));
        const { url: path, name, size, width, height, duration, thumb } = response;
        // What was just sent needn't be fetched to be shown.
        for (const address of [path, thumb]) if (address) bounded(this.#sources, address, this.local(file));
        return resolve(given({ url: path, name, size, width, height, duration, thumb }));
      };
      request.send(file);
    });
  }

  /**
   * An address under which a browser can load a file of this server, which is
   * otherwise read with a token that an <img> can't send. Those that are asked
   * for together are asked of the server together.
   */
  source(path) {
    const [, id, name] = FILE.exec(path) ?? [];
    if (!id) return Promise.reject(new RequestError("this is not a file of this server"));
    const held = this.#sources.get(path);
    if (held) return Promise.resolve(held);
    const known = this.#links.get(id);
    if (!known || known.until < Date.now()) this.#ask(id);
    return this.#links.get(id).link.then(({ url, thumb }) => (name === "thumb" && thumb) || url);
  }

  /** An address of a file that the user chose and that is still to be uploaded. */
  local(file) {
    if (!this.#local.has(file)) this.#local.set(file, URL.createObjectURL(file));
    return this.#local.get(file);
  }

  /** Forgets links: they were another user's. */
  forget() {
    this.#links.clear();
    this.#sources.clear();
  }

  #ask(id) {
    const link = Promise.withResolvers();
    link.promise.catch(() => {}); // whoever waits for it is told
    bounded(this.#links, id, { link: link.promise, until: Infinity });
    if (this.#asked.size === 0) setTimeout(() => this.#fetchLinks());
    this.#asked.set(id, link);
  }

  async #fetchLinks() {
    const asked = [...this.#asked];
    this.#asked.clear();
    for (let i = 0; i < asked.length; i += MAX_ASKED) {
      const some = asked.slice(i, i + MAX_ASKED);
      try {
        const { links, expires } = await this.request("POST", "api/v1/files/links", { ids: some.map(([id]) => id) });
        for (const [id, { resolve, reject }] of some) {
          if (!links[id]) reject(new RequestError("not there any more"));
          else resolve(links[id]);
          const known = this.#links.get(id);
          if (known) known.until = links[id] ? expires - 60_000 : Date.now() + 10_000;
        }
      } catch (error) {
        for (const [id, { reject }] of some) {
          this.#links.delete(id); // the next one tries again
          reject(error);
        }
      }
    }
  }
}

/** Whether a path is a file of this server. */
export function isOwnFile(url) {
  return typeof url === "string" && url.startsWith("/files/") && !url.includes("\\");
}

/** Whether an address may stand in a link: http, https, or a file of this server. */
export function isSafe(url) {
  return isOwnFile(url) || (typeof url === "string" && /^https?:\/\//i.test(url) && URL.canParse(url));
}

function refusal(status, reply, retryAfter) {
  const { code = status, message = `the server answered ${status}`, temporary = false } = reply?.error ?? {};
  return new RequestError(message, {
    code,
    temporary: temporary || status === 429 || status === 503,
    retryAfter: Number(retryAfter) * 1_000 || 0,
  });
}

function given(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== "" && value !== 0));
}

// Adds to a map that loses its oldest entry when it is full.
function bounded(map, key, value) {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_LINKS) map.delete(map.keys().next().value);
}
