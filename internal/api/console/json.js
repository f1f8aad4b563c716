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
    const at = /position (\d+)/.exec(error.message);
    const before = at ? text.slice(0, Number(at[1])) : "";
    const line = before.split("\n").length;
    const column = before.length - before.lastIndexOf("\n");
    const what = error.message.replace(/ \(line \d+ column \d+\)| at position \d+| in JSON.*$/g, "");
    return { error: at ? `Line ${line}, column ${column}: ${what}` : what };
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
