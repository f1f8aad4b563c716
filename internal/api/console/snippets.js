// The examples for a site. They are shown with this server's address and the
// user of the form, so that what is copied runs as it is.

const quote = (text) => JSON.stringify(String(text));

// A token is never written into an example: those get pasted into other places.
const TOKEN = 'const token = "…"; // your backend makes one for each user\n\n';

const snippets = {
  client({ script, url, user, platform, token }) {
    return `${token ? TOKEN : ""}const { PushClient } = await import(${quote(script)});

const client = new PushClient({
  url: ${quote(url)},
  user: ${quote(user)},
  platform: ${quote(platform)},${token ? "\n  token," : ""}
});
client.addEventListener("push", ({ detail }) => {
  console.log(detail.Module, detail.Action, detail.Data);
});
client.addEventListener("close", ({ detail }) => {
  // delay says when it comes back; null is never
  console.log(detail.code, detail.title, detail.delay);
});
client.connect();
`;
  },
  plain({ url, user, platform, token }) {
    return `${token ? TOKEN : ""}const ws = new WebSocket(${quote(url)});
const send = (Action, Data) => ws.send(JSON.stringify({ Module: "robot", Action, Data }));
let beat;

ws.onopen = () => send("Login", { UserId: ${quote(user)}, PlatId: ${quote(platform)}${token ? ", Token: token" : ""} });
ws.onmessage = ({ data }) => {
  const { Module, Action, Code, Msg, Data } = JSON.parse(data);
  if (Code === undefined) console.log(Module, Action, Data); // a push
  else if (Code !== 0) console.error(Code, Msg);
  else if (Action === "Login") beat = setInterval(send, Data.heartbeat * 1000 / 3, "HeartBeat");
};
ws.onclose = ({ code, reason }) => {
  clearInterval(beat);
  console.log("closed", code, reason); // 4000 to 4099: don't reconnect by yourself
};
`;
  },
};

const hints = {
  client: "For a module script. Logs in, heartbeats, reconnects as the close code says, and resumes its topics. client.js is one file without dependencies; copy it if you would rather serve it yourself. Pages of another host need their origin in the server’s option origins.",
  plain: "The protocol without a library: log in, heartbeat, receive. It does not reconnect. Pages of another host need their origin in the server’s option origins.",
};

/** Shows one of the snippets, redrawn when values() changes. */
export class Snippets {
  #kind = "client";
  #values;

  constructor(values) {
    this.#values = values;
    const tabs = [...document.querySelectorAll('#developer [role="tab"]')];
    for (const tab of tabs) {
      tab.addEventListener("click", () => this.#show(tab.id.replace("tab-", "")));
      tab.addEventListener("keydown", ({ key }) => {
        if (key !== "ArrowLeft" && key !== "ArrowRight") return;
        const other = tabs[(tabs.indexOf(tab) + 1) % tabs.length];
        other.focus();
        other.click();
      });
    }
    const copy = document.getElementById("copy");
    copy.addEventListener("click", async () => {
      copy.lastElementChild.textContent = (await copyText(this.text())) ? "Copied" : "Press Ctrl + C";
      setTimeout(() => (copy.lastElementChild.textContent = "Copy"), 2_000);
    });
    this.#show(this.#kind);
  }

  text() {
    return document.getElementById("snippet-code").textContent;
  }

  redraw() {
    document.getElementById("snippet-code").replaceChildren(colored(snippets[this.#kind](this.#values())));
  }

  #show(kind) {
    this.#kind = kind;
    for (const tab of document.querySelectorAll('#developer [role="tab"]')) {
      const on = tab.id === `tab-${kind}`;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
    }
    document.getElementById("snippet").setAttribute("aria-labelledby", `tab-${kind}`);
    document.getElementById("snippet-hint").textContent = hints[kind];
    this.redraw();
  }
}

/**
 * Copies text. Browsers give pages that didn't come over https (other than
 * from localhost) no clipboard; the text is then selected, to be copied by hand.
 */
export async function copyText(text, source = document.getElementById("snippet-code")) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return false;
  }
}

const WORD = /\/\/.*|"(?:[^"\\]|\\.)*"|\b(?:const|let|await|import|new|if|else|null|undefined)\b|\b\d+\b/g;

function colored(code) {
  const out = document.createDocumentFragment();
  let at = 0;
  for (const { 0: word, index } of code.matchAll(WORD)) {
    out.append(code.slice(at, index));
    const span = document.createElement("span");
    span.className = word.startsWith("//") ? "j-comment" : word[0] === '"' ? "j-string" : /\d/.test(word[0]) ? "j-number" : "j-word";
    span.textContent = word;
    out.append(span);
    at = index + word.length;
  }
  out.append(code.slice(at));
  return out;
}
