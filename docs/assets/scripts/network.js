// The network of the notebook, layer by layer (cnn_tutorial/model.py), and what each of its numbers
// was made of. All numbers of a layer lie in one list: channel after channel, row after row. So
// flattening does nothing here: the list that pool2 makes is the one that fc1 reads.

/** @typedef {[channels: number, height: number, width: number]} Shape */
/** @typedef {Record<string, { shape: number[], data: Float32Array }>} Weights by name */
/**
 * @typedef {{ from: number, value: number, weight: number, product: number }} Term
 *   from: its place in the list of the layer before
 */

/** @type {{ name: string, kind: string, shape: Shape }[]} */
export const LAYERS = [
  { name: "input", kind: "input", shape: [1, 28, 28] },
  { name: "conv1", kind: "convolution", shape: [6, 26, 26] },
  { name: "relu1", kind: "relu", shape: [6, 26, 26] },
  { name: "pool1", kind: "pooling", shape: [6, 13, 13] },
  { name: "conv2", kind: "convolution", shape: [16, 11, 11] },
  { name: "relu2", kind: "relu", shape: [16, 11, 11] },
  { name: "pool2", kind: "pooling", shape: [16, 5, 5] },
  { name: "fc1", kind: "linear", shape: [120, 1, 1] },
  { name: "relu3", kind: "relu", shape: [120, 1, 1] },
  { name: "fc2", kind: "linear", shape: [84, 1, 1] },
  { name: "relu4", kind: "relu", shape: [84, 1, 1] },
  { name: "fc3", kind: "linear", shape: [10, 1, 1] }, // the logits
  { name: "softmax", kind: "softmax", shape: [10, 1, 1] }, // the probabilities
];
const KERNEL = 3; // pixels down and across
const WINDOW = 2; // of a pooling, and its stride

export class Network {
  constructor(/** @type {Map<string, any>} */ tensors) {
    /** @type {Weights} */
    this.weights = Object.fromEntries(tensors);
    /** What ReLU lets through at least: −Infinity leaves it out. */
    this.lowest = 0;
    /** The numbers of each layer, for the image that went through last. */
    this.values = LAYERS.map(({ shape: [c, h, w] }) => new Float32Array(c * h * w));
  }

  /** Let an image through, (28 · 28); return the probabilities of the ten digits. */
  forward(/** @type {Float32Array} */ image) {
    this.values[0].set(image);
    for (let n = 1; n < LAYERS.length; n++) {
      const [x, y] = [this.values[n - 1], this.values[n]];
      const { name, kind } = LAYERS[n];
      const [weight, bias] = [this.weights[`${name}.weight`], this.weights[`${name}.bias`]];
      if (kind === "convolution") convolve(x, LAYERS[n - 1].shape, weight.data, bias.data, y);
      else if (kind === "linear") linear(x, weight.data, bias.data, y);
      else if (kind === "pooling") pool(x, LAYERS[n - 1].shape, y);
      else if (kind === "relu")
        for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i], this.lowest);
      else softmax(x, y);
    }
    return this.values[LAYERS.length - 1];
  }

  /** The bias of a number of a layer; 0 where there is none. */
  bias(/** @type {number} */ n, /** @type {number} */ i) {
    const [, height, width] = LAYERS[n].shape;
    return this.weights[`${LAYERS[n].name}.bias`]?.data[Math.floor(i / (height * width))] ?? 0;
  }

  /**
   * Return what number `i` of layer `n` was made of, the largest first: it is the sum of the
   * products, and of the bias. Of softmax, it is its own share of the sum: a product is e to the
   * power of a logit, from which the highest is taken so that no power overflows.
   *
   * @type {(n: number, i: number) => Term[]}
   */
  terms(n, i) {
    if (n === 0) return [];
    const { kind, name, shape } = LAYERS[n];
    const x = this.values[n - 1];
    const weights = this.weights[`${name}.weight`]?.data;
    const highest = kind === "softmax" ? Math.max(...x) : 0;
    const window = windowOf(n, i);
    const winner = window[argmax(window.map((from) => x[from]))];
    const channel = Math.floor(i / (shape[1] * shape[2]));
    const terms = window.map((from, k) => {
      let weight = weights?.[channel * window.length + k];
      if (kind === "relu") weight = x[from] > 0 ? 1 : 0;
      if (kind === "pooling") weight = from === winner ? 1 : 0;
      const value = x[from];
      if (kind === "softmax") return { from, value, weight: 1, product: Math.exp(value - highest) };
      return { from, value, weight, product: value * weight };
    });
    const size = (/** @type {Term} */ { product }) => Math.abs(product);
    return terms.sort((a, b) => size(b) - size(a) || b.weight - a.weight || b.value - a.value);
  }
}

/**
 * Return which numbers of the layer before number `i` of layer `n` is made of, in the order of its
 * weights: channel after channel, row after row.
 *
 * @type {(n: number, i: number) => number[]}
 */
export function windowOf(n, i) {
  const { kind } = LAYERS[n];
  const [channels, height, width] = LAYERS[n - 1].shape;
  const [channel, row, column] = placeOf(n, i);
  if (kind === "relu") return [i];
  if (kind === "linear" || kind === "softmax") return [...Array(channels * height * width).keys()];
  const [size, stride] = kind === "convolution" ? [KERNEL, 1] : [WINDOW, WINDOW];
  const window = [];
  for (let c = 0; c < channels; c++) {
    if (kind === "pooling" && c !== channel) continue;
    for (let u = 0; u < size; u++)
      for (let v = 0; v < size; v++)
        window.push((c * height + row * stride + u) * width + column * stride + v);
  }
  return window;
}

/** @type {(n: number, i: number) => [channel: number, row: number, column: number]} */
export function placeOf(n, i) {
  const [, height, width] = LAYERS[n].shape;
  return [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
}

export const argmax = (/** @type {ArrayLike<number>} */ x) =>
  Array.from(x).reduce((best, value, i, all) => (value > all[best] ? i : best), 0);

/**
 * Slide each kernel over the maps, (C, H, W) to (O, H − 2, W − 2). Its rows go over a whole map one by
 * one: the sums are the same as window by window, and it is faster.
 *
 * @type {(x: Float32Array, shape: Shape, weight: Float32Array, bias: Float32Array, y: Float32Array) => void}
 */
function convolve(x, [channels, height, width], weight, bias, y) {
  const [rows, columns] = [height - KERNEL + 1, width - KERNEL + 1];
  for (let o = 0, k = 0; o < bias.length; o++) {
    const first = o * rows * columns;
    y.fill(bias[o], first, first + rows * columns);
    for (let c = 0; c < channels; c++)
      for (let u = 0; u < KERNEL; u++, k += KERNEL) {
        const [left, middle, right] = [weight[k], weight[k + 1], weight[k + 2]];
        for (let row = 0, n = first; row < rows; row++) {
          let i = (c * height + row + u) * width;
          for (const end = n + columns; n < end; n++, i++)
            y[n] += left * x[i] + middle * x[i + 1] + right * x[i + 2];
        }
      }
  }
}

/**
 * Keep the largest of each 2×2 window; what has no partner at the border is dropped.
 *
 * @type {(x: Float32Array, shape: Shape, y: Float32Array) => void}
 */
function pool(x, [channels, height, width], y) {
  let n = 0;
  for (let c = 0; c < channels; c++)
    for (let row = 0; row + WINDOW <= height; row += WINDOW)
      for (let column = 0; column + WINDOW <= width; column += WINDOW) {
        const above = (c * height + row) * width + column;
        const below = above + width;
        y[n++] = Math.max(x[above], x[above + 1], x[below], x[below + 1]);
      }
}

/** @type {(x: Float32Array, weight: Float32Array, bias: Float32Array, y: Float32Array) => void} */
function linear(x, weight, bias, y) {
  let k = 0;
  for (let o = 0; o < bias.length; o++) {
    let sum = bias[o];
    for (let i = 0; i < x.length; i++) sum += x[i] * weight[k++];
    y[o] = sum;
  }
}

/** @type {(x: Float32Array, y: Float32Array) => void} */
function softmax(x, y) {
  const highest = Math.max(...x); // so that no power overflows
  let total = 0;
  for (const logit of x) total += Math.exp(logit - highest);
  for (let i = 0; i < x.length; i++) y[i] = Math.exp(x[i] - highest) / total;
}
