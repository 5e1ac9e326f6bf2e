// The walk from a number back to what it was made of, term by term, and on from there to the pixels.
import { amount, Maps, percent, words } from "./maps.js";
import { LAYERS, placeOf, windowOf } from "./network.js";
import { make, written } from "./paint.js";

/** @typedef {import("./maps.js").Place} Place */
/** @typedef {import("./network.js").Term} Term */

const SHORT = 10; // terms that are written out at first
const PARTS = `<ol class="trail" aria-label="The way back so far"></ol><p class="told"></p>
<div class="pair"></div><div><ol class="terms" aria-label="What it was made of"></ol>
<p class="sum"></p></div>`;

/** @type {(place: Place) => (number | string)[]} */
const indices = ([n, i]) => (LAYERS[n].shape[1] > 1 ? placeOf(n, i) : [i]);
/** @type {(place: Place) => string} as Python would have it */
const code = (place) => `${LAYERS[place[0]].name}[${indices(place).join(", ")}]`;
const total = (/** @type {Term[]} */ terms) => terms.reduce((sum, { product }) => sum + product, 0);

/** @type {(hash: string) => Place} of #pool2-11-1-1; null if there is none */
export function placeAt(hash) {
  const [name, ...numbers] = hash.slice(1).split("-");
  const n = LAYERS.findIndex((layer) => layer.name === name);
  const { shape = [0, 0, 0] } = LAYERS[n] ?? {};
  const i = numbers.reduce((all, text, axis) => all * shape[axis] + Number(text), 0);
  const isThere = numbers.every(
    (text, axis) => /^\d{1,3}$/.test(text) && Number(text) < shape[axis],
  );
  return isThere && numbers.length === (shape[1] > 1 ? 3 : 1) ? [n, i] : null;
}

export class Walk {
  /** @type {Place[]} the places that were passed, the last of which is shown */
  trail = [];
  isWhole = false; // all terms are shown

  /**
   * @param {HTMLElement} host
   * @param {import("./maps.js").Shown} shown
   * @param {(sentence: string) => void} say
   * @param {(place: Place) => void} point what to do with a number that is pointed at
   */
  constructor(host, shown, say, point) {
    this.host = host;
    this.shown = shown;
    this.say = say;
    this.point = point;
    host.innerHTML = PARTS;
  }

  /** @returns {any} */
  at(/** @type {string} */ selector) {
    return this.host.querySelector(selector);
  }

  /** Go to a place: the first of a walk, or the next. */
  go(/** @type {Place} */ place, isFirst = false) {
    this.trail = [...(isFirst ? [] : this.trail), place];
    this.isWhole = false;
    this.say(this.show());
    const address = [LAYERS[place[0]].name, ...indices(place)].join("-");
    history.replaceState(null, "", `#${address}`);
  }

  /** Show the last place with its numbers as they are now; return what it is, in a sentence. */
  show() {
    const place = this.trail.at(-1);
    const { network } = this.shown;
    const { kind } = LAYERS[place[0]];
    const terms = network.terms(...place);
    const value = amount(place, this.shown);
    this.at(".trail").replaceChildren(...this.trail.map((passed, k) => this.step(passed, k)));
    this.at(".pair").replaceChildren(...this.pictures(place, terms));
    const rest = this.isWhole ? [] : terms.slice(SHORT);
    const shown = terms.slice(0, terms.length - rest.length);
    this.at(".terms").replaceChildren(...shown.map((term) => this.term(place[0], term, terms)));
    const sum = this.at(".sum");
    const isSum = kind === "convolution" || kind === "linear";
    sum.textContent = isSum ? `+ bias ${written(network.bias(...place))} = ${value}` : "";
    if (rest.length) {
      const onclick = () => {
        this.isWhole = true;
        this.show();
        this.at(`.terms li:nth-child(${SHORT + 1}) button`).focus();
      };
      const text = `and ${rest.length} more: ${written(total(rest))}`;
      sum.prepend(make("button", { type: "button", onclick }, text), " ");
    }
    const made = {
      input: ": this is what the network was given",
      pooling: ": the largest of four",
      relu: value === "0" ? ": what is below zero becomes zero" : ": what is above zero stays",
      softmax: ": e to the power of its logit, as a share of the sum of all ten",
    }[kind];
    const all = `: the sum of ${terms.length} products and the bias`;
    const told = `${words(place)} is ${value}${made ?? all}.`;
    this.at(".told").textContent = told;
    return told;
  }

  /** @type {(place: Place, k: number) => any} a button that goes back to where the walk was */
  step(place, k) {
    const onclick = () => {
      this.trail.length = k;
      this.go(place);
      this.at(".trail li:last-child button").focus();
    };
    const ariaCurrent = k === this.trail.length - 1 ? "step" : null;
    const text = `${code(place)} ${amount(place, this.shown)}`;
    return make("li", {}, make("button", { type: "button", onclick, ariaCurrent }, text));
  }

  /** @type {(n: number, term: Term, terms: Term[]) => any} a line of the list, which leads to it */
  term(n, { from, value, weight, product }, terms) {
    const { kind } = LAYERS[n];
    let texts = [`${written(value)} × ${written(weight)} =`, written(product)];
    if (kind === "relu" || kind === "pooling") texts = [weight ? "taken" : "left", written(value)];
    if (kind === "softmax") texts = [`e to the ${written(value)}`, percent(product / total(terms))];
    const onclick = () => {
      this.go([n - 1, from]);
      (this.at(".terms button") ?? this.at(".trail li:last-child button")).focus();
    };
    const parts = [...texts, code([n - 1, from])].map((text) => make("span", {}, `${text} `));
    const className = product < 0 ? "below" : "above";
    const button = make("button", { type: "button", onclick, className }, ...parts);
    button.style.setProperty("--part", String(Math.abs(product / terms[0].product) || 0));
    return make("li", {}, button);
  }

  /** @type {(place: Place, terms: Term[]) => any[]} the maps before, with the window, and its own */
  pictures([n, i], terms) {
    const { kind, shape } = LAYERS[n];
    const isMap = shape[1] > 1;
    const channel = isMap ? placeOf(n, i)[0] : null;
    const window = terms.map(({ from }) => from);
    const pick = (/** @type {Place} */ place) =>
      this.go(place, place[0] === n || !window.includes(place[1]));
    const { point } = this;
    const pair = [new Maps(n, { pick, point }, channel)];
    pair[0].frame("output", [i]);
    if (n) {
      const before = new Maps(n - 1, { pick, point }, kind === "convolution" ? null : channel);
      const side = { convolution: 3, pooling: 2 }[kind] ?? 1;
      const lit = isMap ? windowOf(n, i) : window.slice(0, 1);
      before.frame(
        "kernel",
        lit.filter((_, k) => k % (side * side) === 0),
        side,
      );
      pair.unshift(before);
    }
    return pair.map((maps) => {
      maps.draw(this.shown);
      return maps.element;
    });
  }
}
