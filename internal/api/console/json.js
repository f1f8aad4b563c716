// JSON as text: checked for the editors, and laid out for reading without going
// through numbers, so that digits above 2^53 are shown as they came.

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/g;

// A frame of a megabyte would keep the page busy for seconds; the rest of one
// this long follows as it came.
const MAX_TOKENS = 20_000;

/** Parses text. Returns { value } or { error }, a sentence with line and column. */
export function parse(text) {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    // Each browser words it in its own way, and few say where.
    const fault = findFault(text);
    if (!fault) return { error: error.message };
    const before = text.slice(0, fault.at).split("\n");
    return { error: `Line ${before.length}, column ${before.at(-1).length + 1}: ${fault.expected} expected.` };
  }
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const VALUE = new RegExp(`${STRING.source}|-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?|true|false|null`, "y");

// Where text stops being JSON, and what should stand there.
function findFault(text) {
  let at = 0;
  const open = []; // the brackets that are still to be closed
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.test(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const sign = (...signs) => {
    take(SPACE);
    const is = signs.includes(text[at]);
    if (is) at++;
    return is && text[at - 1];
  };
  const name = () => {
    take(SPACE);
    if (!take(STRING)) return "a name in double quotes";
    return sign(":") ? "" : "a colon";
  };

  for (let needsValue = true; ;) {
    let expected = "";
    if (needsValue) {
      const bracket = sign("{", "[");
      const close = { "{": "}", "[": "]" }[bracket];
      if (!bracket) {
        if (!take(VALUE)) expected = "a value";
        needsValue = false;
      } else if (sign(close)) {
        needsValue = false;
      } else {
        open.push(close);
        if (close === "}") expected = name();
      }
    } else if (open.length === 0) {
      take(SPACE);
      if (at === text.length) return null;
      expected = "the end";
    } else {
      const close = open.at(-1);
      const found = sign(",", close);
      if (found === close) open.pop();
      else if (found) {
        needsValue = true;
        if (close === "}") expected = name();
      } else expected = `a comma or ${close}`;
    }
    if (expected) return { at, expected };
  }
}

/** Parses text that must be an object; an empty one is {}. */
export function parseObject(text) {
  if (text.trim() === "") return { value: {} };
  const result = parse(text);
  if (result.error || isObject(result.value)) return result;
  return { error: "It must be a JSON object: { … }" };
}

/** Checks a request as the server does, and says what is wrong in one sentence. */
export function parseRequest(text) {
  if (text.trim() === "") return { error: "Write a request: a JSON object with Module and Action." };
  const result = parse(text);
  if (result.error) return result;
  const request = result.value;
  if (!isObject(request)) return { error: "A request is a JSON object: { … }" };
  for (const key of ["Module", "Action"]) {
    if (typeof request[key] !== "string" || request[key] === "") return { error: `${key} is missing: it must be a string.` };
  }
  const { Seq, Data } = request;
  if (Seq !== undefined && !(Number.isInteger(Seq) && Seq >= 0 && Seq <= 0xffffffff)) {
    return { error: "Seq must be an integer from 0 to 4294967295." };
  }
  if (Data !== undefined && Data !== null && !isObject(Data)) return { error: "Data must be an object, or be left out." };
  return result;
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The text of a JSON value, indented. */
export function layout(text) {
  return pieces(text).map(([piece]) => piece).join("");
}

/** The same as elements, with classes for keys, strings, numbers and words. */
export function colored(text) {
  const out = document.createDocumentFragment();
  for (const [piece, kind] of pieces(text)) {
    if (!kind) {
      out.append(piece);
      continue;
    }
    const span = document.createElement("span");
    span.className = `j-${kind}`;
    span.textContent = piece;
    out.append(span);
  }
  return out;
}

// pieces are [text, kind] in order; kind is empty for what needs no color.
function pieces(text) {
  const tokens = [...text.matchAll(TOKEN)];
  const out = [];
  let depth = 0;
  const newline = () => out.push(["\n" + "  ".repeat(depth), ""]);
  for (const [i, { 0: token, index }] of tokens.entries()) {
    if (i === MAX_TOKENS) {
      out.push([text.slice(index), ""]);
      break;
    }
    const next = tokens[i + 1]?.[0];
    const opens = token === "{" || token === "[";
    if (opens && (next === "}" || next === "]")) {
      out.push([token, ""]);
    } else if (opens) {
      depth++;
      out.push([token, ""]);
      newline();
    } else if (token === "}" || token === "]") {
      const before = tokens[i - 1]?.[0];
      if (before !== "{" && before !== "[") {
        depth = Math.max(0, depth - 1);
        newline();
      }
      out.push([token, ""]);
    } else if (token === ",") {
      out.push([",", ""]);
      newline();
    } else if (token === ":") {
      out.push([": ", ""]);
    } else if (token[0] === '"') {
      out.push([token, next === ":" ? "key" : "string"]);
    } else {
      out.push([token, /^[-\d]/.test(token) ? "number" : "word"]);
    }
  }
  return out;
}
