// What the layers of an nn.Sequential do to a shape, and what they cost: cnn_tutorial/trace.py, with
// its numbers, and its sentences for what does not fit.
import * as arithmetic from "./arithmetic.js";

const { asPair, repr } = arithmetic;

/**
 * @typedef {Record<string, any>} Arguments
 * @typedef {{ kind: string, args: Arguments }} Layer with the arguments that are given
 * @typedef {{ input: any[], layers: Layer[] }} Network that takes images [C, H, W]
 * @typedef {{ first: number[], last: number[], even: boolean }} Axis the pixels of the image from
 *   which to which each place sees; even if that are the windows, with what borders cut off
 * @typedef {{ shape?: number[], parameters?: bigint, multiplyAdds?: bigint, field?: number[],
 *   error?: string, mend?: Arguments }} Row shape: [C, H, W] or [F]; mend: what would fit
 * @typedef {{ shape: number[], multiplyAdds?: bigint, even?: boolean[], window?: any,
 *   places?: (n: number, axis: number) => number[][] }} Made places: of the n places before, what
 *   each sees, [first, how many, step], or null if nobody can tell; even: whether windows are
 */

const SIDE = 4096; // the most pixels of an image, a map or a window along one axis
const MOST = 1e9; // channels or features
const STEPS = 4000; // along an axis, to see what windows see

/** @type {any} */
const NONE = undefined; // it has no default
/** @type {Arguments} */
const POOL = { kernel_size: NONE, stride: null, padding: 0 };
const NORM = {
  num_features: NONE,
  eps: 1e-5,
  momentum: 0.1,
  affine: true,
  track_running_stats: true,
  bias: true,
};
/** @type {Record<string, Arguments>} what each layer takes, in PyTorch's order */
export const KINDS = {
  Conv2d: {
    ...{ in_channels: NONE, out_channels: NONE, kernel_size: NONE },
    ...{ stride: 1, padding: 0, dilation: 1, groups: 1, bias: true },
  },
  MaxPool2d: { ...POOL, dilation: 1, return_indices: false, ceil_mode: false },
  AvgPool2d: { ...POOL, ceil_mode: false, count_include_pad: true },
  AdaptiveMaxPool2d: { output_size: NONE },
  AdaptiveAvgPool2d: { output_size: NONE },
  ReLU: { inplace: false },
  Tanh: {},
  Flatten: { start_dim: 1, end_dim: -1 },
  Linear: { in_features: NONE, out_features: NONE, bias: true },
  BatchNorm2d: NORM,
  BatchNorm1d: NORM,
  Dropout: { p: 0.5, inplace: false },
};
/** @type {Arguments} what can only be so here */
const FIXED = { start_dim: 1, end_dim: -1, affine: true, groups: 1, return_indices: false };

const product = (/** @type {any[]} */ numbers) => numbers.reduce((all, n) => all * BigInt(n), 1n);
/** @type {(shape: number[]) => number} */
export const numbersOf = (shape) => shape.reduce((all, n) => all * n, 1);
/** @type {(shape: number[]) => string} */
export const written = (shape) => `(N, ${shape.join(", ")})`;

/** @type {(layer: Layer) => string} its line of PyTorch, without what is the default */
export function lineOf({ kind, args }) {
  const given = Object.entries(KINDS[kind])
    .filter(([name, preset]) => name in args && args[name] !== preset)
    .map(([name, preset]) => (preset === NONE ? "" : `${name}=`) + repr(args[name]));
  return `${kind}(${given.join(", ")})`;
}

/** Raise an error unless an argument may be what it is. */
function check(/** @type {string} */ name, /** @type {any} */ value) {
  const must = (/** @type {boolean} */ holds, /** @type {string} */ allowed) => {
    if (!holds) throw new RangeError(`${name} must be ${allowed}; got ${repr(value)}`);
  };
  if (/size|stride|padding|dilation/.test(name)) {
    const pair = asPair(name, value ?? (name === "stride" ? 1 : value), name === "padding" ? 0 : 1);
    must(Math.max(...pair) <= SIDE, `at most ${SIDE} here`);
  } else if (/channels|features|height|width/.test(name)) {
    const most = /height|width/.test(name) ? SIDE : MOST;
    const isInt = Number.isInteger(value) && value > 0 && value <= most;
    must(isInt, `an int from 1 to ${most.toLocaleString("en")}`);
  } else if (name === "p") must(value >= 0 && value <= 1, "from 0 to 1");
  else if (/bias|ceil_mode/.test(name)) must(typeof value === "boolean", "True or False");
  else if (name in FIXED) must(value === FIXED[name], `${repr(FIXED[name])} here`);
}

/** @type {(a: Arguments) => bigint} the weights and biases */
function parametersOf(a) {
  const out = a.out_channels ?? a.out_features;
  if (!out) return BigInt(a.num_features ? a.num_features * (1 + a.bias) : 0);
  const kernel = a.kernel_size ? asPair("kernel_size", a.kernel_size) : [];
  return BigInt(out) * (product([a.in_channels ?? a.in_features, ...kernel]) + BigInt(a.bias));
}

const range = (/** @type {number} */ n) => [...Array(n).keys()];

/**
 * Return what a layer makes of what arrives; raise [sentence, what would fit] if it does not fit.
 *
 * @type {(kind: string, a: Arguments, shape: number[], from: string) => Made}
 */
function make(kind, a, shape, from) {
  const [channels, ...size] = shape;
  const isFlat = !size.length;
  const all = (/** @type {number} */ n) => [[0, n, 1]];
  /** @type {(takes: any, given: any, hint: string, mend?: Arguments) => void} */
  const refuse = (takes, given, hint, mend) => {
    throw [`takes ${takes}; ${given} arrived from ${from}: ${hint}`, mend];
  };
  if (/ReLU|Tanh|Dropout/.test(kind)) return { shape };
  if (kind === "Flatten")
    return { shape: [numbersOf(shape)], places: (n) => (n === 1 ? all(n) : null) };
  if (kind === "Linear") {
    const [features, rows] = [numbersOf(shape), shape.slice(0, -1)];
    if (shape.at(-1) === a.in_features)
      return {
        shape: [...rows, a.out_features],
        multiplyAdds: product(rows) * parametersOf(a),
        places: isFlat ? all : null,
      };
    const isRight = features === a.in_features;
    const hints = isFlat ? [] : ["put torch.flatten(x, 1) before it"];
    if (!isRight) hints.push(`make it nn.Linear(${features}, ...)`);
    const mend = { Flatten: !isFlat, ...(!isRight && { in_features: features }) };
    const given = isFlat ? features : written(shape);
    refuse(`${a.in_features} features`, given, hints.join(" and "), mend);
  }
  const takes = a.in_channels ?? a.num_features;
  const isForLists = kind === "BatchNorm1d";
  if (isForLists !== isFlat) {
    const hint = isFlat
      ? "it is for images, so put it before they are flattened"
      : "it is for lists";
    refuse(`(N, ${takes ?? "C"}${isFlat ? ", H, W" : ""})`, written(shape), hint);
  }
  if (takes && takes !== channels) {
    const hint = "x.permute(0, 3, 1, 2) puts the channels where it looks for them";
    if (takes === shape[2]) refuse(`(N, ${takes}, H, W)`, written(shape), hint);
    const what = isFlat ? "features" : `channel${takes === 1 ? "" : "s"}`;
    const change = `make it nn.${kind}(${channels}${a.in_channels ? ", ..." : ""})`;
    const name = a.in_channels ? "in_channels" : "num_features";
    refuse(`${takes} ${what}`, channels, change, { [name]: channels });
  }
  if (a.output_size) {
    const counts = asPair("output_size", a.output_size);
    // PyTorch takes the mean of the whole map, whatever that sees.
    if (kind === "AdaptiveAvgPool2d" && Math.max(...counts) === 1)
      return { shape: [channels, 1, 1], places: all };
    const steps = size.map((n, i) => Math.ceil(n / counts[i]));
    const places = (/** @type {number} */ n, /** @type {number} */ i) =>
      range(counts[i]).map((j) => {
        const start = Math.floor((j * n) / counts[i]);
        return [start, Math.ceil(((j + 1) * n) / counts[i]) - start, 1];
      });
    const even = size.map((n, i) => n % counts[i] === 0);
    return { shape: [channels, ...counts], places, even, window: [steps, steps] };
  }
  if (!a.kernel_size) return { shape };
  const { kernel_size, stride, padding, dilation = 1, ceil_mode } = a;
  /** @type {[any, any, any, any]} */
  const window = [kernel_size, stride ?? kernel_size, padding, dilation];
  const counts = takes
    ? arithmetic.convOutputSize(size, ...window)
    : arithmetic.poolOutputSize(size, ...window, ceil_mode);
  const [ks, ss, ps, ds] = window.map((value) => asPair("", value, 0));
  const places = (/** @type {number} */ _, /** @type {number} */ i) =>
    range(counts[i]).map((n) => [n * ss[i] - ps[i], ks[i], ds[i]]);
  return {
    shape: [takes ? a.out_channels : channels, ...counts],
    multiplyAdds: takes ? product(counts) * parametersOf(a) : 0n,
    places: ks.some((k, i) => k * counts[i] > STEPS) ? null : places,
    window,
  };
}

/** @type {(axis: Axis, places: number[][], even: boolean) => Axis} what each sees of those before */
function look({ first, last }, places, even) {
  /** @type {Axis} */
  const seen = { first: [], last: [], even };
  for (const [start, count, step] of places) {
    let [least, most] = [Infinity, -1];
    for (let i = start; i < start + count * step; i += step) {
      if (first[i] < least) least = first[i];
      if (last[i] > most) most = last[i];
    }
    seen.first.push(least);
    seen.last.push(most);
  }
  return seen;
}

/** @type {(axis: Axis, pixels: number, nominal: number) => number} the pixels of all; NaN if they differ */
function sizeOf({ first, last, even }, pixels, nominal) {
  if (even) return nominal;
  const places = [...first.keys()].filter((i) => first[i] < Infinity);
  const whole = places.filter((i) => first[i] > 0 && last[i] < pixels - 1);
  const sizes = (/** @type {number[]} */ some) => some.map((i) => last[i] - first[i] + 1);
  const largest = Math.max(...sizes(places)); // what a border cuts off is smaller
  return Math.min(...sizes(whole.length ? whole : places)) === largest ? largest : NaN;
}

/** @type {(network: Network, withFields?: boolean) => Row[]} one for the images, and each layer */
export function trace({ input, layers }, withFields = true) {
  /** @type {Row[]} */
  const rows = [{ shape: input, field: [1, 1] }];
  /** @type {Axis[]} */
  let axes;
  /** @type {any[]} */
  const windows = [];
  try {
    ["channels", "height", "width"].forEach((name, i) => {
      check(name, input[i]);
    });
    const itself = (/** @type {number} */ n) => ({ first: range(n), last: range(n), even: true });
    axes = withFields ? input.slice(1).map(itself) : null;
  } catch (error) {
    rows[0] = { error: /** @type {Error} */ (error).message };
  }
  for (const [i, { kind, args }] of layers.entries()) {
    const a = { ...KINDS[kind], ...args };
    /** @type {Row} */
    const row = {};
    const before = i ? `${i - 1}` : "the input";
    rows.push(row);
    try {
      for (const name in a) check(name, a[name]);
      row.parameters = parametersOf(a);
      const { shape } = rows[i];
      if (!shape) continue;
      const made = make(kind, a, shape, before);
      if (made.shape.slice(1).some((n) => n > SIDE))
        throw [`makes maps of more than ${SIDE} pixels from one side to the other`];
      row.shape = made.shape;
      row.multiplyAdds = made.multiplyAdds ?? 0n;
      const { places, window, even } = made;
      if (window) windows.push({ kernelSize: window[0], stride: window[1], dilation: window[3] });
      axes =
        places === null
          ? null
          : axes?.map((axis, j) => {
              const seen = places?.(axis.first.length, j);
              const isEven = axis.even && window && (even?.[j] ?? true);
              return seen ? look(axis, seen, isEven) : axis;
            });
      const nominal = axes && arithmetic.receptiveField(windows);
      row.field = axes?.map((axis, j) => sizeOf(axis, input[j + 1], nominal[j]));
    } catch (error) {
      const isMisfit = Array.isArray(error);
      let [said, mend] = isMisfit ? error : [`: ${/** @type {Error} */ (error).message}`];
      if (isMisfit) said = ` ${said}`;
      else if (said.includes("would be empty"))
        said =
          ` has no room for its window in ${written(rows[i].shape)}, which arrived from ` +
          `${before}: take a smaller one, leave it out, or begin with larger images`;
      Object.assign(row, { error: `${i} (${kind})${said}`, mend });
    }
  }
  return rows;
}
