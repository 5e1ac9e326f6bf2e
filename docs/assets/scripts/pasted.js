// A network as text: what is pasted, what stands in an address, what is copied. And what PyTorch says
// when a matrix does not fit, in terms of the layers.
import { repr } from "./arithmetic.js";
import { KINDS, lineOf, numbersOf, trace, written } from "./trace.js";

/** @typedef {import("./trace.js").Network} Network */

const STRING = String.raw`"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'`;
const NUMBER = String.raw`-?\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?`;
const TOKEN = new RegExp(String.raw`\s+|#.*|([a-z_][\w.]*|${NUMBER}|${STRING}|.)`, "giu");
const IMAGES = /\b(?:zeros|ones|rand|randn)\(\s*\d+,\s*(\d+),\s*(\d+),\s*(\d+)\s*\)/;
const LENGTH = 20_000; // characters
export const LAYERS = 64;
/** @type {Record<string, any>} */
const WORDS = { True: true, False: false, None: null };
const SIDES = 256; // of images that are tried
const DEPTH = 20; // brackets within brackets
const isKind = (/** @type {string} */ name) => Object.hasOwn(KINDS, name);

/** Return what reads the values and layers of Python in a text, and says what it stumbles on. */
function reader(/** @type {string} */ text) {
  const tokens = [...text.slice(0, LENGTH).matchAll(TOKEN)].filter(([, token]) => token);
  const names = tokens.map(([token]) => token.replace(/^(torch\.)?nn\./, ""));
  /** @type {Network["layers"]} */
  const layers = [];
  let [at, depth] = [0, 0];
  /** @type {(what: string) => never} */
  const fail = (what) => {
    const line = text.slice(0, tokens[at]?.index).trimEnd().split("\n").length;
    throw new SyntaxError(`Line ${line}, before ${names[at] ?? "the end"}: ${what}`);
  };
  const take = (/** @type {string} */ token) => names[at] === token && ++at > 0;
  const need = (/** @type {string} */ token) => take(token) || fail(`a ${token} is missing`);

  /** @type {(end: string, each: (i: number) => void) => boolean} whether it ends with a comma */
  function list(end, each) {
    if (++depth > DEPTH) fail("there are too many brackets");
    let isOpen = true;
    for (let i = 0; names[at] !== end; i++) {
      if (!isOpen) fail("a comma or a bracket is missing");
      each(i);
      isOpen = take(",") || isPrinted();
    }
    at++;
    depth--;
    return isOpen;
  }
  /** Whether a layer follows as it is printed: (1): ReLU() */
  const isPrinted = () => names[at] === "(" && names[at + 3] === ":";

  /** @type {() => any} */
  function value() {
    const token = names[at] ?? fail("something is missing");
    at++;
    let read = WORDS[token];
    if (token === "(" || token === "[") {
      read = [];
      const goesOn = list(token === "(" ? ")" : "]", () => read.push(value()));
      if (read.length === 1 && !goesOn) [read] = read;
    } else if (/^-?\d/.test(token)) read = Number(token.replaceAll("_", ""));
    else if (/^["']./.test(token)) read = token.slice(1, -1).replace(/\\(.)/g, "$1");
    else if (read === undefined) {
      at--;
      fail("a number is missing");
    }
    return take("*") ? read * value() : read; // 16 * 5 * 5
  }

  function layer() {
    if (isPrinted()) at += 4;
    const kind = names[at];
    const all = Object.keys(KINDS).join(", ");
    if (kind !== "Sequential" && !isKind(kind)) fail(`this is none of the layers ${all}`);
    at++;
    if (kind === "Sequential") return need("(") && list(")", layer);
    if (layers.length === LAYERS) fail(`there are more than ${LAYERS} layers`);
    const known = Object.keys(KINDS[kind]);
    /** @type {Record<string, any>} */
    const args = {};
    let isNamed = false;
    need("(");
    list(")", (i) => {
      isNamed ||= names[at + 1] === "=";
      const name = isNamed ? names[at] : known[i];
      if (!known.includes(name)) fail(`nn.${kind} takes ${known.join(", ") || "nothing"}`);
      if (name in args) fail(`${name} is given twice`);
      if (isNamed) at++ && need("=");
      args[name] = value();
    });
    const missing = known.find((name) => KINDS[kind][name] === undefined && !(name in args));
    if (missing) fail(`nn.${kind} needs ${missing}`);
    return layers.push({ kind, args });
  }

  /** @type {(input: any[]) => Network} */
  function network(input) {
    if (text.length > LENGTH) throw new SyntaxError(`That is more than ${LENGTH} characters`);
    if (/\bdef forward\b|nn\.Module\b/.test(text))
      throw new SyntaxError("What a class runs stands in forward: paste it as nn.Sequential(...)");
    if (!names.some((name) => name === "Sequential" || isKind(name)))
      throw new SyntaxError("This is no network: paste nn.Sequential(...), or what PyTorch said");
    let images = IMAGES.exec(text)?.slice(1).map(Number);
    at = names.indexOf("Sequential");
    if (at >= 0) {
      layer();
      const isLayer = (/** @type {string} */ name) => name === "Sequential" || isKind(name);
      if (names.slice(at).some(isLayer)) fail("there are layers outside of nn.Sequential(...)");
    } else {
      at = 0;
      if (names[0] === "(") images = value();
      take(",");
      list(undefined, layer);
    }
    const channels = layers[0]?.args.in_channels ?? input[0];
    return { input: images ?? [channels, ...input.slice(1)], layers };
  }
  return { value, network };
}

/** @type {(text: string, input: any[]) => Network} that is pasted, of images as given if it names none */
export const parse = (text, input) => reader(text).network(input);

/** @type {(text: string) => any} a value that is typed; what is none is a text */
export function literal(text) {
  try {
    return reader(`(${text})`).value();
  } catch {
    return text;
  }
}

/** @type {(network: Network) => string} short enough for an address */
export const short = ({ input, layers }) =>
  [repr(input), ...layers.map(lineOf)].join(",").replaceAll(", ", ",");

/** @type {(network: Network) => string} a program */
export function program(network) {
  const rows = trace(network, false).slice(1);
  const layers = network.layers.map((layer, i) => {
    const said = rows[i].error ?? (rows[i].shape ? written(rows[i].shape) : "");
    return `    nn.${lineOf(layer)},${said && `  # ${said}`}\n`;
  });
  return (
    `import torch\nfrom torch import nn\n\nmodel = nn.Sequential(\n${layers.join("")})\n` +
    `x = torch.zeros(1, ${network.input.map(repr).join(", ")})\nprint(model(x).shape)\n`
  );
}

/**
 * Return which layer PyTorch speaks of when it says that shapes cannot be multiplied, and why; null
 * if that is not what a text says.
 *
 * @type {(text: string, network: Network) => string | null}
 */
export function explain(text, { input, layers }) {
  const found = /shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)/.exec(text);
  const [rows, given, takes, gives] = (found ?? []).slice(1).map(Number);
  if (given === takes) return null;
  const meant = [...layers.keys()].filter((i) => {
    const { kind, args } = layers[i];
    return kind === "Linear" && args.in_features === takes && args.out_features === gives;
  });
  let isBeyond = !meant.length; // what arrives, the larger the image the more
  /** @type {(size: any[], isHere?: boolean) => string | undefined} */
  const meet = (size, isHere = false) => {
    const traced = trace({ input: [input[0], ...size], layers }, false);
    isBeyond ||= !isHere && meant.every((i) => traced[i].shape?.at(-1) > given);
    for (const i of meant.filter((i) => traced[i].shape)) {
      const { shape } = traced[i];
      const features = numbersOf(shape);
      const maps = features / shape.at(-1); // rows of the matrix that an image makes
      if (shape.at(-1) === given && rows % maps === 0) {
        const images = `${rows / maps} image${rows === maps ? "" : "s"}`;
        const each = shape[1] ? `, and each row of their maps, ${rows} in all, passed for one` : "";
        return `${traced[i + 1].error}. There were ${images}${each}.`;
      }
      if (isHere && !shape[1] && rows === 1 && given % features === 0)
        return (
          `${i} (Linear) takes (N, ${takes}); ${given / features} images arrived as one list of ` +
          `${given}: the batch dimension is flattened too, and torch.flatten(x, 1) keeps it.`
        );
    }
  };
  const here = meet(input.slice(1), true);
  if (here) return here;
  /** @type {number[]} */
  const sides = [];
  let said = "";
  for (let side = 1; side <= SIDES && !isBeyond; side++) {
    const now = meet([side, side]);
    if (now) said = now;
    if (now) sides.push(side);
  }
  if (said) {
    const ends = new Set([sides[0], sides.at(-1)]);
    return `For images of ${[...ends].map((n) => `${n}×${n}`).join(" to ")}: ${said}`;
  }
  const more = meant.length
    ? `Here it is layer ${meant.join(" or ")}, but no image makes ${given} of what comes before it.`
    : "No layer here is that one: paste the network too, to see which it is.";
  return (
    `nn.Linear(${takes}, ${gives}) takes ${takes} features; ${given} arrived: make it ` +
    `nn.Linear(${given}, ${gives}), or change what comes before. ${more}`
  );
}
