// The arithmetic of the tutorial: cnn_tutorial/convolution.py and shapes.py in another language, with
// their names, and their sentences for what does not fit. A tensor is an array of arrays of numbers,
// in PyTorch's order: x[n][c][row][column].

/**
 * @typedef {number | number[]} IntOrPair one number for both axes, or a pair [height, width]
 * @typedef {number[][][][]} Images (N, C, H, W)
 * @typedef {{ stride?: IntOrPair, padding?: IntOrPair, dilation?: IntOrPair }} Settings
 * @typedef {Settings & { ceilMode?: boolean }} PoolSettings
 */

/**
 * Slide each kernel over each image; an output is the sum of a window times the kernel.
 *
 * @param {Images} x (N, C, H, W)
 * @param {Images} kernel one for each output channel, (O, C, kH, kW)
 * @param {number[] | null} bias a number to add to each output channel, (O,)
 * @param {Settings} settings
 * @returns {Images} (N, O, H', W')
 */
export function conv2d(x, kernel, bias = null, { stride = 1, padding = 0, dilation = 1 } = {}) {
  checkConvolution(x, kernel, bias);
  const [size, kernelSize] = [x, kernel].map((tensor) => shapeOf(tensor).slice(2));
  const counts = convOutputSize(size, kernelSize, stride, padding, dilation);
  const windows = windowsOf(counts, kernelSize, stride, padding, dilation);
  const weighted = (/** @type {number[][][]} */ image, /** @type {number[][][]} */ weights) =>
    eachOf(windows, (rows, columns) => {
      let sum = 0;
      for (let c = 0; c < weights.length; c++)
        for (let i = 0; i < rows.length; i++)
          for (let j = 0; j < columns.length; j++)
            sum += (image[c][rows[i]]?.[columns[j]] ?? 0) * weights[c][i][j];
      return sum;
    });
  return x.map((image) =>
    kernel.map((weights, o) =>
      weighted(image, weights).map((row) => row.map((sum) => sum + (bias?.[o] ?? 0))),
    ),
  );
}

/**
 * Keep the largest value of each window of `x`, (N, C, H, W), channel by channel.
 *
 * @type {(x: Images, kernelSize: IntOrPair, settings?: PoolSettings) => Images}
 */
export const maxPool2d = (x, kernelSize, settings = {}) =>
  pool(x, kernelSize, settings, (window) => Math.max(...window.map((value) => value ?? -Infinity)));

/**
 * Take the mean of each window of `x`, (N, C, H, W), channel by channel. The zeros of the padding
 * count in it; what a last window has beyond the padding does not.
 *
 * @type {(x: Images, kernelSize: IntOrPair, settings?: PoolSettings) => Images}
 */
export const avgPool2d = (x, kernelSize, settings = {}) =>
  pool(x, kernelSize, settings, (window) => window.reduce(add, 0) / window.length);

const add = (/** @type {number} */ sum, /** @type {number} */ value = 0) => sum + value;

/**
 * Make one number of each window, in which what lies in the padding is undefined.
 *
 * @type {(x: Images, kernelSize: IntOrPair, settings: PoolSettings, reduce: (window: number[]) => number) => Images}
 */
function pool(x, kernelSize, { stride, padding = 0, dilation = 1, ceilMode }, reduce) {
  const shape = shapeOf(x);
  if (shape.length !== 4) throw new RangeError(`x must be (N, C, H, W); got ${repr(shape)}`);
  const size = shape.slice(2);
  const counts = poolOutputSize(size, kernelSize, stride, padding, dilation, ceilMode);
  const ends = asPair("padding", padding, 0).map((p, axis) => size[axis] + p);
  const windows = windowsOf(counts, kernelSize, stride ?? kernelSize, padding, dilation).map(
    (along, axis) => along.map((places) => places.filter((place) => place < ends[axis])),
  );
  const values = (/** @type {number[][]} */ channel) =>
    eachOf(windows, (rows, columns) =>
      reduce(rows.flatMap((row) => columns.map((column) => channel[row]?.[column]))),
    );
  return x.map((image) => image.map(values));
}

/** @type {(x: any) => any} of numbers, in a tensor of any shape */
export const relu = (x) => (Array.isArray(x) ? x.map(relu) : Math.max(x, 0));

/** @type {(x: number[], weight: number[][], bias: number[]) => number[]} (F,), (O, F), (O,) to (O,) */
export const linear = (x, weight, bias) =>
  weight.map((row, o) => row.reduce((sum, value, f) => sum + value * x[f], bias[o]));

/** @type {(logits: number[]) => number[]} */
export function softmax(logits) {
  const highest = Math.max(...logits); // so that no power overflows
  const powers = logits.map((logit) => Math.exp(logit - highest));
  const total = powers.reduce(add, 0);
  return powers.map((power) => power / total);
}

/**
 * Return the height and width that a convolution makes of an input.
 *
 * @type {(size: IntOrPair, kernelSize: IntOrPair, stride?: IntOrPair, padding?: IntOrPair, dilation?: IntOrPair) => number[]}
 */
export const convOutputSize = (size, kernel_size, stride = 1, padding = 0, dilation = 1) =>
  outputSize({ size, kernel_size, stride, padding, dilation });

/**
 * Return the height and width that a pooling layer makes of an input. By default its windows lie
 * side by side.
 *
 * @type {(size: IntOrPair, kernelSize: IntOrPair, stride?: IntOrPair, padding?: IntOrPair, dilation?: IntOrPair, ceilMode?: boolean) => number[]}
 */
export function poolOutputSize(size, kernel_size, stride, padding = 0, dilation = 1, ceilMode) {
  const [ps, ks] = [asPair("padding", padding, 0), asPair("kernel_size", kernel_size)];
  if (ps.some((p, axis) => p > Math.floor(ks[axis] / 2)))
    throw new RangeError(
      "padding must be at most half of kernel_size, rounded down; " +
        `got padding ${repr(padding)} and kernel_size ${repr(kernel_size)}`,
    );
  stride ??= kernel_size;
  return outputSize({ size, kernel_size, stride, padding, dilation }, ceilMode);
}

/**
 * Return how many windows fit down and across: ⌊(size + 2·padding − span) / stride⌋ + 1.
 *
 * @type {(parameters: Record<string, IntOrPair>, ceilMode?: boolean) => number[]}
 */
function outputSize(parameters, ceilMode = false) {
  const pairs = Object.entries(parameters).map(([name, value]) =>
    asPair(name, value, name === "padding" ? 0 : 1),
  );
  return ["height", "width"].map((name, axis) => {
    const [n, k, s, p, d] = pairs.map((pair) => pair[axis]);
    const span = d * (k - 1) + 1; // pixels from the first to the last of a window
    const overhang = ceilMode ? s - 1 : 0; // turns the floor into a ceiling
    let count = Math.floor((n + 2 * p - span + overhang) / s) + 1;
    if (ceilMode && (count - 1) * s >= n + p) count -= 1; // it would start past the input
    if (count < 1)
      throw new RangeError(
        `kernel_size ${k} with dilation ${d} spans ${span} pixels of the ${name}, but size ` +
          `${n} with padding ${p} on each side has ${n + 2 * p}: the output would be empty; ` +
          `a span of at most ${n + 2 * p + overhang} is allowed`,
      );
    return count;
  });
}

/**
 * Return the height and width of what a value sees of the input after these layers. A window of k
 * elements adds (k − 1)·dilation steps, and its stride makes the steps of the next layers longer.
 *
 * @type {(layers: (Settings & { kernelSize: IntOrPair })[]) => number[]}
 */
export const receptiveField = (layers) =>
  [0, 1].map((axis) => {
    let [field, step] = [1, 1];
    for (const { kernelSize, stride = 1, dilation = 1 } of layers) {
      field +=
        (asPair("kernel_size", kernelSize)[axis] - 1) * asPair("dilation", dilation)[axis] * step;
      step *= asPair("stride", stride)[axis];
    }
    return field;
  });

/**
 * Return where the elements of each window lie, first down and then across: what is below 0, or
 * beyond the input, lies in the padding.
 *
 * @type {(counts: number[], kernelSize: IntOrPair, stride?: IntOrPair, padding?: IntOrPair, dilation?: IntOrPair) => number[][][]}
 */
export function windowsOf(counts, kernelSize, stride = 1, padding = 0, dilation = 1) {
  const [ks, ss] = [asPair("kernel_size", kernelSize), asPair("stride", stride)];
  const [ps, ds] = [asPair("padding", padding, 0), asPair("dilation", dilation)];
  const range = (/** @type {number} */ length) => Array.from({ length }, (_, i) => i);
  return counts.map((count, axis) =>
    range(count).map((n) => range(ks[axis]).map((i) => n * ss[axis] - ps[axis] + i * ds[axis])),
  );
}

/** @type {(windows: number[][][], make: (rows: number[], columns: number[]) => number) => number[][]} */
const eachOf = ([down, across], make) =>
  down.map((rows) => across.map((columns) => make(rows, columns)));

/** @type {(tensor: any) => number[]} */
export const shapeOf = (tensor) =>
  Array.isArray(tensor) ? [tensor.length, ...shapeOf(tensor[0])] : [];

/** Return a parameter as a pair [height, width]: a number stands for both. */
export function asPair(/** @type {string} */ name, /** @type {unknown} */ value, minimum = 1) {
  const pair = Array.isArray(value) ? value : [value, value];
  const meaning = minimum ? "" : "the number of pixels added on each side, ";
  const allowed = `${meaning}an int or a pair (height, width) of ints, each at least ${minimum}`;
  const sentence = `${name} must be ${allowed}; got ${repr(value)}`;
  if (pair.length !== 2 || !pair.every(Number.isSafeInteger)) throw new TypeError(sentence);
  if (Math.min(...pair) < minimum) throw new RangeError(sentence);
  return /** @type {number[]} */ (pair);
}

/** @type {(x: Images, kernel: Images, bias: number[] | null) => void} */
function checkConvolution(x, kernel, bias) {
  const [images, kernels] = [shapeOf(x), shapeOf(kernel)];
  if (images.length !== 4 || kernels.length !== 4 || images[1] !== kernels[1])
    throw new RangeError(
      "x must be (N, C, H, W) and kernel (O, C, kH, kW) with the same C; " +
        `got x ${repr(images)} and kernel ${repr(kernels)}`,
    );
  if (bias && bias.length !== kernels[0])
    throw new RangeError(
      `bias must be (O,), here (${kernels[0]},) for kernel ${repr(kernels)}; ` +
        `got ${repr(shapeOf(bias))}`,
    );
}

const WORDS = { true: "True", false: "False", null: "None", NaN: "nan", Infinity: "inf" };

/** @type {(value: any) => string} as Python writes it */
export function repr(value) {
  if (Array.isArray(value))
    return `(${value.map(repr).join(", ")}${value.length === 1 ? "," : ""})`;
  if (typeof value !== "string")
    return String(value).replace(/[a-z]+/i, (word) => WORDS[/** @type {"true"} */ (word)] ?? word);
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  return quote + value.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`) + quote;
}
