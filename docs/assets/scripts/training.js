// How the network of network.js learns: what PyTorch does on the page, on flat arrays. The backward
// pass finds, from the last layer to the first, how the loss changes with each number: dy for those of
// a layer, dx for those of the layer before, dw and db for the weights.
import { LAYERS, Network } from "./network.js";

/** @typedef {Float32Array} Floats */

/** Numbers and what each is made of, by layer: (outputs, inputs of each) */
const SIZES = { conv1: [6, 9], conv2: [16, 54], fc1: [120, 400], fc2: [84, 120], fc3: [10, 84] };
const COUNT = Object.values(SIZES).reduce(
  (sum, [outputs, inputs]) => sum + outputs * (inputs + 1),
  0,
);
const LOGITS = LAYERS.length - 2;

/** Return a function that gives numbers from 0 to 1 by chance, for a seed always the same. */
export function generator(/** @type {number} */ seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export class Learner extends Network {
  constructor(/** @type {() => number} */ random) {
    super(new Map());
    this.all = new Float32Array(COUNT); // all weights, in PyTorch's order
    this.gradients = new Float32Array(COUNT);
    this.means = new Float32Array(COUNT); // what Adam keeps
    this.squares = new Float32Array(COUNT);
    this.changes = this.values.map(({ length }) => new Float32Array(length)); // dy of each layer
    this.steps = 0;
    /** @type {Record<string, Floats>} views of the gradients, by the names of the weights */
    this.slopes = {};
    let at = 0;
    for (const [name, [outputs, inputs]] of Object.entries(SIZES))
      for (const [part, size] of Object.entries({ weight: outputs * inputs, bias: outputs })) {
        const data = this.all.subarray(at, at + size);
        // As PyTorch does: by chance, between −1/√inputs and 1/√inputs.
        for (let i = 0; i < size; i++) data[i] = (2 * random() - 1) / Math.sqrt(inputs);
        this.weights[`${name}.${part}`] = { shape: [size], data };
        this.slopes[`${name}.${part}`] = this.gradients.subarray(at, at + size);
        at += size;
      }
  }

  /** @type {(image: Floats, label: number) => number} −ln of the probability that the label gets */
  loss(image, label) {
    this.forward(image);
    const z = this.values[LOGITS];
    const highest = Math.max(...z); // so that no power overflows
    return (
      highest - z[label] + Math.log(z.reduce((sum, logit) => sum + Math.exp(logit - highest), 0))
    );
  }

  /** @type {(images: Floats[], labels: number[], rate: number) => number} the loss; makes a step */
  learn(images, labels, rate) {
    this.gradients.fill(0);
    let loss = 0;
    for (const [n, image] of images.entries()) {
      loss += this.loss(image, labels[n]) / images.length;
      this.backward(labels[n], 1 / images.length);
    }
    if (Number.isFinite(loss)) this.step(rate); // or the weights would be lost
    return loss;
  }

  /** @type {(label: number, share: number) => void} adds to the gradients those of the last loss */
  backward(label, share) {
    const p = this.values[LOGITS + 1];
    // Of the logits it is p, less 1 at the label.
    for (let k = 0; k < 10; k++) this.changes[LOGITS][k] = (p[k] - Number(k === label)) * share;
    for (let n = LOGITS; n > 0; n--) {
      const [{ name, kind }, { shape }] = [LAYERS[n], LAYERS[n - 1]];
      const [x, y] = [this.values[n - 1], this.values[n]];
      const [dx, dy] = [this.changes[n - 1], this.changes[n]];
      const w = this.weights[`${name}.weight`]?.data;
      const [dw, db] = [this.slopes[`${name}.weight`], this.slopes[`${name}.bias`]];
      dx.fill(0);
      if (kind === "linear") linear(x, w, dy, dx, dw, db);
      else if (kind === "convolution") convolve(x, shape, w, dy, dx, dw, db);
      else if (kind === "pooling") pool(x, shape, y, dy, dx);
      else for (let i = 0; i < x.length; i++) if (x[i] > this.lowest) dx[i] = dy[i];
    }
  }

  /** Adam: w −= rate · m / √s, with running means: m of the gradients, s of their squares. */
  step(/** @type {number} */ rate) {
    const { all, gradients, means, squares } = this;
    this.steps++;
    const [a, b] = [0.9, 0.999].map((beta) => 1 - beta ** this.steps); // since both begin at 0
    for (let i = 0; i < COUNT; i++) {
      const g = gradients[i];
      means[i] = 0.9 * means[i] + 0.1 * g;
      squares[i] = 0.999 * squares[i] + 0.001 * g * g;
      all[i] -= ((rate / a) * means[i]) / (Math.sqrt(squares[i] / b) + 1e-8);
    }
  }
}

/** @type {(x: Floats, w: Floats, dy: Floats, dx: Floats, dw: Floats, db: Floats) => void} */
function linear(x, w, dy, dx, dw, db) {
  for (let o = 0; o < dy.length; o++) {
    const g = dy[o];
    if (g === 0) continue; // ReLU let nothing through
    db[o] += g;
    for (let i = 0, k = o * x.length; i < x.length; i++, k++) {
      dw[k] += g * x[i];
      dx[i] += g * w[k];
    }
  }
}

/** @type {(x: Floats, shape: number[], w: Floats, dy: Floats, dx: Floats, dw: Floats, db: Floats) => void} */
function convolve(x, [channels, side], w, dy, dx, dw, db) {
  for (let o = 0, n = 0; o < db.length; o++)
    for (let row = 0; row < side - 2; row++)
      for (let column = 0; column < side - 2; column++, n++) {
        const g = dy[n];
        if (g === 0) continue; // as most are: of each 2×2, pooling took one
        db[o] += g;
        for (let c = 0, k = o * channels * 9; c < channels; c++)
          for (let u = 0; u < 3; u++, k += 3) {
            const i = (c * side + row + u) * side + column;
            for (let v = 0; v < 3; v++) {
              dw[k + v] += g * x[i + v];
              dx[i + v] += g * w[k + v];
            }
          }
      }
}

/** @type {(x: Floats, shape: number[], y: Floats, dy: Floats, dx: Floats) => void} */
function pool(x, [channels, side], y, dy, dx) {
  for (let c = 0, n = 0; c < channels; c++)
    for (let row = 0; row + 1 < side; row += 2)
      for (let column = 0; column + 1 < side; column += 2, n++) {
        let i = (c * side + row) * side + column; // then on to the first of the largest
        if (x[i] !== y[n] && x[++i] !== y[n]) i += x[i + side - 1] === y[n] ? side - 1 : side;
        dx[i] = dy[n];
      }
}
