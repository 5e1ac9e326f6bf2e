// The numbers of a layer as maps in colours, in which any of them can be pointed at, and chosen.
import { argmax, LAYERS, placeOf } from "./network.js";
import { ARROWS, GREY, make, written } from "./paint.js";

/** @typedef {[n: number, i: number]} Place number `i` of layer `n` */
/**
 * @typedef {{ network: import("./network.js").Network, palette: Uint32Array, most: number }} Shown
 *   the numbers, and the colours of those from −most to most
 */

/** @type {Record<number, number>} how many maps lie side by side, of so many */
const COLUMNS = { 1: 1, 6: 3, 10: 5, 16: 4, 84: 12, 120: 12 };
const SHADES = 1000; // on each side of zero
const SVG = "<canvas></canvas><svg><path></path><g></g><g></g></svg>";

/**
 * Make the colours of −SHADES to SHADES: blue below zero, red above, the fainter the nearer to zero. So
 * that small numbers are seen, an eighth of the largest has half of its colour.
 */
export function paletteOf(/** @type {Element} */ host) {
  const style = getComputedStyle(host);
  const [below, above] = ["--below", "--above"].map((name) => {
    const color = Number.parseInt(style.getPropertyValue(name).trim().slice(1), 16);
    return (color >> 16) | (color & 0xff00) | ((color & 255) << 16);
  });
  return Uint32Array.from({ length: 2 * SHADES + 1 }, (_, i) => {
    const alpha = Math.round(255 * Math.cbrt(Math.abs(i - SHADES) / SHADES));
    return (alpha << 24) | (i < SHADES ? below : above);
  });
}

/** @type {(place: Place) => string} in words */
export function words([n, i]) {
  const { name, kind, shape } = LAYERS[n];
  const [channel, row, column] = placeOf(n, i);
  if (kind === "input") return `The pixel at row ${row}, column ${column}`;
  if (kind === "softmax") return `The probability of ${i}`;
  if (n === LAYERS.length - 2) return `The logit of ${i}`;
  if (shape[1] === 1) return `Number ${i} of ${name}`;
  return `${name}, channel ${channel}, row ${row}, column ${column}`;
}

/** @type {(place: Place, shown: Shown) => string} */
export const amount = ([n, i], { network }) =>
  LAYERS[n].kind === "softmax" ? percent(network.values[n][i]) : written(network.values[n][i]);

export const percent = (/** @type {number} */ part) => `${(100 * part).toFixed(1)}%`;

/** The maps of a layer, or one of them. */
export class Maps {
  /**
   * @param {number} n the layer
   * @param {{ pick: (place: Place) => void, point: (place: Place) => void }} act what to do with a
   *   number that is chosen, or pointed at; or null
   * @param {number} only the channel that is shown, or null for all
   */
  constructor(n, act, only = null) {
    const { name, shape } = LAYERS[n];
    const [channels, height, width] = shape;
    const columns = only === null ? COLUMNS[channels] : 1;
    const rows = only === null ? channels / columns : 1;
    const gap = height > 1 ? 2 : 0;
    this.n = n;
    this.height = rows * (height + gap) - gap;
    this.width = columns * (width + gap) - gap;
    this.first = (only ?? 0) * height * width;
    /** Which number lies at each pixel; −1 between the maps. */
    this.numbers = new Int32Array(this.height * this.width).fill(-1);
    this.pixels = new Int32Array(rows * columns * height * width);
    for (let k = 0; k < this.pixels.length; k++) {
      const channel = Math.floor(k / (height * width));
      const y = Math.floor(channel / columns) * (height + gap) + (Math.floor(k / width) % height);
      this.pixels[k] = y * this.width + (channel % columns) * (width + gap) + (k % width);
      this.numbers[this.pixels[k]] = this.first + k;
    }
    this.image = new ImageData(this.width, this.height);
    this.colors = new Uint32Array(this.image.data.buffer);
    const maps = make("div", { className: "maps", innerHTML: SVG });
    this.canvas = maps.children[0];
    this.svg = maps.children[1];
    Object.assign(this.canvas, { height: this.height, width: this.width });
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    const edges = Array.from(
      this.pixels.filter((_, k) => k % (height * width) === 0),
      (pixel) => {
        const [x, y] = [pixel % this.width, Math.floor(pixel / this.width)];
        return `M${x} ${y}h${width}v${height}h${-width}z`;
      },
    );
    this.svg.firstChild.setAttribute("d", edges.join(""));
    const size = height > 1 ? shape.join("×") : `${channels}`;
    const title = only === null ? `${name} ${size}` : `${name}, channel ${only}`;
    this.element = make("figure", {}, maps, make("figcaption", {}, title));
    if (!act) return;
    this.svg.setAttribute("tabindex", "0");
    this.svg.setAttribute("role", "application");
    this.svg.setAttribute("aria-label", `${title}: arrow keys point, Enter chooses`);
    this.listen(act);
  }

  listen(/** @type {any} */ { pick, point }) {
    /** @type {number} the number that is pointed at */
    let at = null;
    const go = (/** @type {number} */ i) => {
      at = i < 0 ? null : i;
      this.frame("pointed", i < 0 ? [] : [i]);
      if (i >= 0) point([this.n, i]);
    };
    const leave = () => this.frame("pointed", []);
    const under = (/** @type {PointerEvent} */ event) => {
      const { left, top, width, height } = this.svg.getBoundingClientRect();
      const x = Math.floor(((event.clientX - left) / width) * this.width);
      const y = Math.floor(((event.clientY - top) / height) * this.height);
      go(this.numbers[y * this.width + x] ?? -1);
    };
    /** @type {Record<string, (event: any) => void>} */
    const listeners = {
      pointerdown: under,
      pointermove: under,
      pointerleave: leave,
      blur: leave,
      click: () => at !== null && pick([this.n, at]),
      focus: () => this.svg.matches(":focus-visible") && go(at ?? this.largest),
      keydown: (event) => {
        const isChoice = event.key === "Enter" || event.key === " ";
        const step = ARROWS[event.key];
        if (!isChoice && !step) return;
        event.preventDefault();
        at ??= this.largest;
        if (isChoice) return pick([this.n, at]);
        let pixel = this.pixels[at - this.first];
        do {
          const [x, y] = [(pixel % this.width) + step[0], Math.floor(pixel / this.width) + step[1]];
          if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
          pixel = y * this.width + x;
        } while (this.numbers[pixel] < 0); // between two maps
        go(this.numbers[pixel]);
      },
    };
    for (const [name, listener] of Object.entries(listeners))
      this.svg.addEventListener(name, listener);
  }

  /** Show the numbers of the layer. */
  draw(/** @type {Shown} */ { network, palette, most }) {
    const { colors, pixels, first, n } = this;
    const values = network.values[n];
    for (let k = 0; k < pixels.length; k++) {
      const value = values[first + k];
      const part = Math.min(1, Math.max(-1, value / most));
      colors[pixels[k]] = n ? palette[SHADES + Math.round(SHADES * part)] : GREY[(255 * value) | 0];
    }
    this.values = values;
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
  }

  /** @returns {number} where the largest number is */
  get largest() {
    return this.first + argmax(this.values.subarray(this.first, this.first + this.pixels.length));
  }

  /** Frame squares of numbers, each named by the first of them. */
  frame(/** @type {string} */ kind, /** @type {number[]} */ numbers, side = 1) {
    const rects = numbers.map((i) => {
      const pixel = this.pixels[i - this.first];
      const [x, y] = [pixel % this.width, Math.floor(pixel / this.width)];
      return `<rect class="${kind}" x="${x}" y="${y}" width="${side}" height="${side}"/>`;
    });
    this.svg.children[kind === "pointed" ? 2 : 1].innerHTML = rects.join("");
  }
}
