// What trains for <train-live>: each message asks for steps, each answer says how the network stands.
import { argmax } from "./network.js";
import { read } from "./safetensors.js";
import { generator, Learner } from "./training.js";

const DIGITS = new URL("../../playground/digits.safetensors.gz", import.meta.url);
const EVERY = 100; // digits learned until the others are asked
const [MEAN, DEVIATION] = [0.13, 0.31]; // of pixels: from numbers around 0 it learns faster

/** @type {Float32Array[]} (784) each */
let images;
/** @type {number[]} */
let labels;
/** @type {Learner} */
let learner;
/** @type {() => number} */
let random;
/** @type {number[]} the numbers of the digits to come in this pass */
let rest;
let [count, seen, isShuffled] = [0, 0, true]; // digits to learn from; learned

async function load() {
  const { tensors } = await read(fetch(DIGITS));
  const pixels = tensors.get("images").data;
  labels = [...tensors.get("labels").data];
  images = labels.map((_, n) =>
    Float32Array.from(pixels.slice(784 * n, 784 * n + 784), (p) => (p / 255 - MEAN) / DEVIATION),
  );
  count = Math.round(0.8 * labels.length);
}

function begin(/** @type {number} */ seed) {
  random = generator(seed);
  learner = new Learner(random);
  [rest, seen] = [[], 0];
}

/** Put the digits to come in an order by chance, or all 0s first, then all 1s, and so on. */
function arrange() {
  const places = new Map(rest.map((n) => [n, isShuffled ? random() : labels[n]]));
  rest.sort((one, other) => places.get(one) - places.get(other));
}

/** @type {(batch: number, rate: number) => number} the loss of the batch */
function step(batch, rate) {
  const now = (rate * rest.length) / count; // it falls to 0 in a pass, as in a recipe
  const chosen = rest.splice(0, batch);
  seen += chosen.length;
  const [x, y] = [chosen.map((n) => images[n]), chosen.map((n) => labels[n])];
  return learner.learn(x, y, now);
}

/** Ask the digits that are not learned from. */
function ask() {
  const others = { loss: 0, right: 0, count: labels.length - count };
  for (let n = count; n < labels.length; n++) {
    others.loss += learner.loss(images[n], labels[n]) / others.count;
    others.right += Number(argmax(learner.values.at(-1)) === labels[n]) / others.count;
  }
  return others;
}

async function answer(/** @type {any} */ { seed, steps, batch, rate, relu, shuffle, shown }) {
  if (!images) await load();
  const isNew = seed !== undefined;
  if (isNew) begin(seed);
  learner.lowest = relu ? 0 : Number.NEGATIVE_INFINITY;
  const isPass = !rest.length && (isNew || steps);
  if (isPass) rest = [...Array(count).keys()];
  if (isPass || isShuffled !== shuffle) {
    isShuffled = shuffle;
    arrange();
  }
  const before = seen;
  let loss; // of the last step
  for (let n = 0; n < steps && rest.length; n++) loss = step(batch, rate);
  const isDue = isNew || seen % EVERY < seen - before || (steps && !rest.length);
  const n = count + (shown % (labels.length - count));
  return {
    ...{ isNew, isOver: !rest.length, seen, count, loss, others: isDue && ask(), label: labels[n] },
    image: steps ? null : images[n].map((x) => x * DEVIATION + MEAN),
    p: learner.forward(images[n]),
    kernels: learner.weights["conv1.weight"].data.slice(),
  };
}

addEventListener("message", ({ data }) =>
  answer(data)
    .catch(({ message }) => ({ problem: message }))
    .then(postMessage),
);
