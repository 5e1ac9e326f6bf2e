// The network behind <digit-pad>, fetched when it is needed: all its layers, and a walk through them.
import { amount, Maps, paletteOf, percent, words } from "./maps.js";
import { argmax, LAYERS, Network } from "./network.js";
import { make, paint, written } from "./paint.js";
import { read } from "./safetensors.js";
import { SIDE } from "./strokes.js";
import { placeAt, Walk } from "./walk.js";

/** @typedef {import("./maps.js").Place} Place */

const FILE = new URL("../../playground/network.safetensors", import.meta.url);
const LATER = 150; // milliseconds until the walk shows what was drawn
const SMALL = ["input", "pool1"]; // layers that a small pad shows

/** Fetch the network and show it in the view of a pad; raise a sentence if it cannot be used. */
export async function open(/** @type {any} */ pad) {
  const { tensors, metadata } = await read(fetch(FILE));
  const network = new Network(tensors);
  const grey = Float32Array.from(tensors.get("digits").data, (value) => value / 255);
  /** @type {Float32Array[]} */
  const digits = [];
  let most = 0;
  for (let start = 0; start < grey.length; start += SIDE * SIDE) {
    digits.push(grey.subarray(start, start + SIDE * SIDE));
    if (digits.length % 4 !== 1) continue; // some of them are enough
    network.forward(digits.at(-1));
    for (const values of network.values)
      for (const value of values) most = Math.max(most, Math.abs(value));
    await new Promise((done) => setTimeout(done)); // the page may have something else to do
  }
  most = 8 * Math.ceil(most / 8);
  const shown = { network, palette: paletteOf(pad), most };
  return new NetworkView(pad, shown, digits, tensors.get("labels").data, Number(metadata.unlike));
}

class NetworkView {
  /**
   * @param {any} pad
   * @param {import("./maps.js").Shown} shown
   * @param {Float32Array[]} digits to take
   * @param {ArrayLike<number>} labels of these
   * @param {number} unlike the highest probability of what is unlike any digit is below it
   */
  constructor(pad, shown, digits, labels, unlike) {
    this.pad = pad;
    this.shown = shown;
    this.digits = digits;
    this.unlike = unlike;
    const isSmall = !pad.at(".walk");
    const point = (/** @type {Place} */ place) => this.point(place);
    const pick = (/** @type {Place} */ place) => this.choose(place);
    const names = isSmall ? SMALL : LAYERS.slice(0, -1).map(({ name }) => name);
    this.maps = names.map(
      (name) =>
        new Maps(
          LAYERS.findIndex((layer) => layer.name === name),
          isSmall ? null : { pick, point },
        ),
    );
    pad.at(".layers").replaceChildren(...this.maps.map(({ element }) => element));
    if (isSmall) return;
    this.walk = new Walk(pad.at(".walk"), this.shown, (sentence) => pad.say(sentence), point);
    const ticks = [-1, -1 / 8, 0, 1 / 8, 1].map((part) =>
      make("span", {}, written(part * shown.most)),
    );
    pad.at(".scale p").replaceChildren(...ticks);
    this.digits.forEach((values, k) => {
      const canvas = make("canvas");
      paint(canvas, { values, height: SIDE, width: SIDE });
      const ariaLabel = String(labels[k]);
      const onchange = () => pad.take(values);
      const input = make("input", { type: "radio", name: "digit", ariaLabel, onchange });
      pad.at(".digits").append(make("label", {}, input, canvas));
    });
    pad.bars.forEach((/** @type {any} */ bar, /** @type {number} */ digit) => {
      const onclick = () => this.choose([LAYERS.length - 1, digit]);
      bar.append(make("button", { type: "button", onclick }, ...bar.children));
    });
  }

  /** Let an image through, or nothing, and show all layers; return the answer. */
  show(/** @type {Float32Array} */ image) {
    const { network } = this.shown;
    const p = network.forward(image ?? new Float32Array(SIDE * SIDE));
    if (!image) for (const values of network.values) values.fill(0);
    for (const maps of this.maps) maps.draw(this.shown);
    this.pad.bars.forEach((/** @type {any} */ bar, /** @type {number} */ digit) => {
      bar.style.setProperty("--part", p[digit]);
      bar.querySelector("b").textContent = image ? percent(p[digit]) : "";
    });
    const best = argmax(p);
    this.isBlank = !image;
    if (this.walk) {
      this.walk.host.classList.toggle("blank", this.isBlank);
      clearTimeout(this.later);
      this.later = setTimeout(() => this.follow(best), LATER);
    }
    if (!image) return "Nothing to read";
    const sure = percent(p[best]);
    if (p[best] >= this.unlike) return `It reads ${best}: ${sure}`;
    return `Unlike any digit that it knows: nearest is ${best}, at ${sure}`;
  }

  /** Show what the number that was chosen is made of now; if none was, the answer. */
  follow(/** @type {number} */ best) {
    if (!this.isChosen) this.walk.trail = [[LAYERS.length - 1, best]];
    this.walk.show();
  }

  /** Begin a walk. */
  choose(/** @type {Place} */ place) {
    if (this.isBlank) return;
    this.isChosen = true;
    clearTimeout(this.later);
    this.walk.go(place, true);
    this.pad.at(".walk").scrollIntoView({ block: "nearest" });
  }

  /** Begin a walk where the address says, if it does: with a digit, if there is none. */
  goTo(/** @type {string} */ hash) {
    const place = placeAt(hash);
    if (!place || !this.walk) return;
    if (this.isBlank) this.pad.take(this.digits[0]);
    this.pad.update();
    this.choose(place);
  }

  /** Tell the number that is pointed at. */
  point(/** @type {Place} */ place) {
    const sentence = `${words(place)}: ${amount(place, this.shown)}`;
    this.pad.at(".tell").textContent = sentence;
    this.pad.say(sentence);
  }
}
