// What is drawn: strokes, kept as lists of points, so that each can be undone; the ink that they
// leave on a grid of numbers; and the steps by which MNIST made digits of 28×28 pixels of such ink
// (cnn_tutorial/handwriting.py, with its names). No canvas is ever read: some browsers add noise.

/**
 * @typedef {{ values: Float32Array, height: number, width: number }} Grid from 0 (paper) to 1 (ink)
 * @typedef {{ top: number, left: number, height: number, width: number }} Box in a grid
 * @typedef {{ points?: number[][], image?: Float32Array }} Stroke points [x, y] of the grid, or the
 *   28×28 pixels of a digit
 */

export const GRID = 140; // numbers across the pad
export const SIDE = 28; // pixels across an image of MNIST
const DIGIT_SIDE = 20; // and across its digit, the longer way
const RADIUS = 6; // of a stroke, in numbers of the grid
const TILE = GRID / SIDE;

/** @type {(height: number, width: number) => Grid} */
export const gridOf = (height, width) => ({
  values: new Float32Array(height * width),
  height,
  width,
});

export class Strokes {
  /** @type {Stroke[]} */
  list = [];
  ink = gridOf(GRID, GRID);

  /** Begin a stroke. */
  add(/** @type {Stroke} */ stroke) {
    this.list.push(stroke);
    this.draw(stroke);
  }

  /** Go on with the last stroke. */
  extend(/** @type {number[]} */ point) {
    const { points } = this.list.at(-1);
    points.push(point);
    this.draw({ points: points.slice(-2) });
  }

  undo() {
    const undone = this.list.pop();
    this.ink.values.fill(0);
    for (const stroke of this.list) this.draw(stroke);
    return undone;
  }

  clear() {
    this.list = [];
    this.ink.values.fill(0);
  }

  /** @returns {Float32Array} the digit, if nothing else is on the pad */
  get image() {
    return this.list.length === 1 ? this.list[0].image : undefined;
  }

  /** Add the ink of a stroke: of each number near it, how much of it is covered. */
  draw(/** @type {Stroke} */ { points, image }) {
    const { values } = this.ink;
    if (image)
      for (let i = 0; i < values.length; i++) {
        const row = Math.floor(i / GRID / TILE);
        values[i] = Math.max(values[i], image[row * SIDE + Math.floor((i % GRID) / TILE)]);
      }
    points?.forEach(([x, y], n) => {
      const [fromX, fromY] = points[Math.max(n - 1, 0)];
      const [left, right] = [Math.min(x, fromX) - RADIUS - 1, Math.max(x, fromX) + RADIUS + 1];
      const [top, bottom] = [Math.min(y, fromY) - RADIUS - 1, Math.max(y, fromY) + RADIUS + 1];
      const [dx, dy] = [x - fromX, y - fromY];
      const square = dx * dx + dy * dy || 1;
      for (let row = Math.max(0, Math.floor(top)); row < Math.min(GRID, bottom); row++)
        for (let column = Math.max(0, Math.floor(left)); column < Math.min(GRID, right); column++) {
          const [px, py] = [column + 0.5 - fromX, row + 0.5 - fromY];
          const along = Math.min(1, Math.max(0, (px * dx + py * dy) / square));
          const [ex, ey] = [px - along * dx, py - along * dy];
          const distance = Math.sqrt(ex * ex + ey * ey); // Math.hypot is slow
          const i = row * GRID + column;
          values[i] = Math.max(values[i], Math.min(1, RADIUS + 0.5 - distance)); // soft at its edge
        }
    });
  }
}

/** @type {(grid: Grid) => Box} around all ink, with a height of 0 if there is none */
export function box({ values, height, width }) {
  let [top, left, bottom, right] = [height, width, height - 1, -1];
  for (let i = 0; i < values.length; i++) {
    if (!values[i]) continue;
    const [row, column] = [Math.floor(i / width), i % width];
    top = Math.min(top, row);
    bottom = row;
    left = Math.min(left, column);
    right = Math.max(right, column);
  }
  return { top, left, height: bottom - top + 1, width: right - left + 1 };
}

/** @type {(grid: Grid, box: Box) => Grid} */
export function crop(grid, { top, left, height, width }) {
  const cropped = gridOf(height, width);
  for (let row = 0; row < height; row++) {
    const start = (top + row) * grid.width + left;
    cropped.values.set(grid.values.subarray(start, start + width), row * width);
  }
  return cropped;
}

/** Scale ink to full strength and 20 pixels along its longer side. */
export function scale(/** @type {Grid} */ ink) {
  const [height, width] = [ink.height, ink.width].map((side) =>
    Math.max(1, round((DIGIT_SIDE * side) / Math.max(ink.height, ink.width))),
  );
  const digit = resize(ink, height, width);
  const most = digit.values.reduce((most, value) => Math.max(most, value), 0);
  digit.values = digit.values.map((value) => Math.max(value, 0) / most); // thin strokes are faint
  return digit;
}

/** Make all of a grid an image, wherever its ink is. */
export function asDrawn(/** @type {Grid} */ grid) {
  const image = resize(grid, SIDE, SIDE);
  image.values = image.values.map((value) => Math.min(Math.max(value, 0), 1));
  return image;
}

/** Round half to even, as Python does. */
const round = (/** @type {number} */ x) => {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2) : Math.round(x);
};

/** Put a digit where its mass is in the middle of 28×28 pixels, or as near as it fits in. */
export function centre(/** @type {Grid} */ { values, height, width }) {
  const rows = new Float32Array(height);
  const columns = new Float32Array(width);
  values.forEach((value, i) => {
    rows[Math.floor(i / width)] += value;
    columns[i % width] += value;
  });
  const [top, left] = [paddingBefore(rows), paddingBefore(columns)];
  const image = gridOf(SIDE, SIDE);
  for (let row = 0; row < height; row++)
    image.values.set(values.subarray(row * width, (row + 1) * width), (top + row) * SIDE + left);
  return image;
}

/** Return how many empty rows to put above a digit, given the mass of each of its rows. */
function paddingBefore(/** @type {Float32Array} */ mass) {
  const total = mass.reduce((sum, value) => sum + value, 0);
  const middle = mass.reduce((sum, value, i) => sum + value * i, 0) / total;
  return Math.min(Math.max(Math.ceil(SIDE / 2 - 0.5 - middle), 0), SIDE - mass.length);
}

/** Make a grid of another size, as Pillow does: rows first, each number a mean by a cubic curve. */
function resize(/** @type {Grid} */ grid, /** @type {number} */ h, /** @type {number} */ w) {
  const { values, height, width } = grid;
  const across = gridOf(height, w);
  windows(width, w).forEach(([start, weights], column) => {
    for (let row = 0; row < height; row++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += values[row * width + start + k] * weights[k];
      across.values[row * w + column] = sum;
    }
  });
  const small = gridOf(h, w);
  windows(height, h).forEach(([start, weights], row) => {
    for (let column = 0; column < w; column++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++)
        sum += across.values[(start + k) * w + column] * weights[k];
      small.values[row * w + column] = sum;
    }
  });
  return small;
}

/**
 * Return for each number of the output where its window begins, and the weights, which add up to 1.
 *
 * @type {(input: number, output: number) => [start: number, weights: number[]][]}
 */
function windows(input, output) {
  const step = input / output;
  const wide = Math.max(step, 1);
  return Array.from({ length: output }, (_, n) => {
    const middle = (n + 0.5) * step;
    const start = Math.max(Math.floor(middle - 2 * wide + 0.5), 0);
    const end = Math.min(Math.floor(middle + 2 * wide + 0.5), input);
    const weights = Array.from({ length: end - start }, (_, k) =>
      cubic((start + k - middle + 0.5) / wide),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return [start, weights.map((weight) => weight / total)];
  });
}

/** The curve: 1 in the middle, a little below 0 further out, and 0 from 2 on. */
function cubic(/** @type {number} */ at) {
  const x = Math.abs(at);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}
