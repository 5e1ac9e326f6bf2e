// <digit-pad>: draw a digit, see what the network makes of it, and what each of its numbers was made
// of. <digit-pad small> does the first two in the room of a picture. The network (network-view.js) is
// fetched when it is needed: by the small one at the first touch.
import { ARROWS, make, paint } from "./paint.js";
import { asDrawn, box, centre, crop, GRID, SIDE, Strokes, scale } from "./strokes.js";

const STEP = GRID / SIDE; // of the pen that arrow keys move
const SECOND = 1000; // between two things that are said
const PAD = `<div class="drawing"><div class="pad"><canvas></canvas>
  <svg viewBox="0 0 ${GRID} ${GRID}" tabindex="0" role="application" aria-label="Pad for a digit:
  arrow keys move the pen, Space puts it down or lifts it"><circle r="6"/></svg>
  <p class="hint">Draw a digit</p></div>
  <p class="bar"><button type="button" class="undo">Undo</button>
  <button type="button" class="clear">Clear</button></p></div>`;
const ANSWER = `<div class="answer"><p class="verdict"></p><ol class="bars"></ol></div>`;
const picture = (/** @type {string} */ name) =>
  `<figure><canvas></canvas><figcaption>${name}</figcaption></figure>`;
const WHOLE = `${PAD}<div class="steps">${["cropped", "scaled", "centred"].map(picture).join("")}
  <label><input type="checkbox" checked> as MNIST did it</label></div>${ANSWER}
  <fieldset class="digits"><legend>Or take a test digit</legend></fieldset>
  <section class="walk" aria-label="Where a number comes from"></section>
  <p class="tell" aria-hidden="true">Choose any number to see what it was made of.</p>
  <div class="scale" aria-hidden="true"><p></p><i></i></div>
  <section class="layers" aria-label="All layers"></section>`;
const SMALL = `${PAD}<section class="layers" aria-label="Two layers"></section>${ANSWER}
  <a href="${new URL("../../playground/", import.meta.url)}">See every number</a>`;

const SHEET = new CSSStyleSheet();
const styled = fetch(new URL("../styles/digit-pad.css", import.meta.url))
  .then((answer) => answer.text())
  .then((text) => SHEET.replace(text));

/** Wait for the first sign of a reader. */
const begin = (/** @type {(event: Event) => void} */ done) => {
  for (const sign of ["pointermove", "pointerdown", "keydown"])
    addEventListener(sign, done, { once: true });
};

class DigitPad extends HTMLElement {
  strokes = new Strokes();
  isExample = false; // what is shown before anything is drawn
  /** @type {number} of the finger, pen or mouse that draws */
  pointer = null;
  pen = [GRID / 2, GRID / 2]; // that keys move
  isDown = false;
  where = ""; // it is, while they do
  problem = "";
  verdict = "";

  connectedCallback() {
    if (!this.shadowRoot) this.build();
    addEventListener("hashchange", this);
  }

  disconnectedCallback() {
    removeEventListener("hashchange", this);
    cancelAnimationFrame(this.frame);
    clearTimeout(this.saying);
    clearTimeout(this.network?.later);
    this.frame = this.saying = 0;
  }

  async build() {
    const isSmall = this.hasAttribute("small");
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [SHEET];
    const slot = make("slot");
    this.view = make("div", { className: isSmall ? "small" : "whole", hidden: true });
    this.view.innerHTML = `${isSmall ? SMALL : WHOLE}<p class="said" role="status"></p>`;
    root.append(slot, this.view);
    this.bars = Array.from({ length: 10 }, (_, digit) =>
      make("li", { innerHTML: `<span>${digit}</span><i></i><b></b>` }),
    );
    this.at(".bars").append(...this.bars);
    this.listen(this.at(".pad svg"));
    this.at(".undo").onclick = () => this.change(() => this.strokes.undo());
    this.at(".clear").onclick = () => this.change(() => this.strokes.clear());
    if (!isSmall) {
      this.at("[type=checkbox]").onchange = () => this.schedule();
      if (!location.hash) await new Promise(begin); // till then, the picture is as good
      await this.load();
      this.isExample = true;
      if (this.network) this.strokes.add({ image: this.network.digits[0] });
    }
    await styled;
    slot.className = isSmall ? "under" : "gone";
    this.view.hidden = false;
    this.update();
    this.handleEvent();
  }

  /** @returns {any} the part of the view that a selector names */
  at(/** @type {string} */ selector) {
    return this.view.querySelector(selector);
  }

  /** Fetch the network, once; if that fails, say why, and try again at the next stroke. */
  load() {
    this.loading ??= import("./network-view.js")
      .then(({ open }) => open(this))
      .then((network) => {
        this.network = network;
        this.schedule();
      })
      .catch((/** @type {Error} */ error) => {
        this.loading = null;
        this.problem = error.message;
        this.schedule();
      });
    return this.loading;
  }

  /** Go where the address says. */
  handleEvent() {
    this.network?.goTo(location.hash);
  }

  /** Put a test digit on the pad. */
  take(/** @type {Float32Array} */ image) {
    this.change(() => {
      this.strokes.clear();
      this.strokes.add({ image });
    });
  }

  /** Change what was drawn, after which no stroke goes on. */
  change(/** @type {() => void} */ act) {
    this.isExample = false;
    this.pointer = null;
    this.lift();
    this.load();
    act();
    this.schedule();
  }

  /** Lift the pen that keys move. */
  lift() {
    this.isDown = false;
    this.where = "";
  }

  begin(/** @type {number[]} */ point) {
    if (this.isExample) this.strokes.clear();
    this.isExample = false;
    this.load();
    this.strokes.add({ points: [point] });
    this.schedule();
  }

  extend(/** @type {number[]} */ point) {
    this.strokes.extend(point);
    this.schedule();
  }

  listen(/** @type {any} */ svg) {
    const point = (/** @type {PointerEvent} */ event) => {
      const { left, top, width, height } = svg.getBoundingClientRect();
      return [((event.clientX - left) / width) * GRID, ((event.clientY - top) / height) * GRID];
    };
    svg.onpointerdown = (/** @type {PointerEvent} */ event) => {
      if (this.pointer !== null || event.button) return; // a second finger, or another button
      this.pointer = event.pointerId;
      this.lift();
      svg.setPointerCapture(event.pointerId);
      this.begin(point(event)); // whatever its pressure: some pens say 0
    };
    svg.onpointermove = (/** @type {PointerEvent} */ event) => {
      if (event.pointerId !== this.pointer) return;
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const one of passed.length ? passed : [event]) this.extend(point(one));
    };
    svg.onpointerup = svg.onpointercancel = (/** @type {PointerEvent} */ event) => {
      if (event.pointerId === this.pointer) this.pointer = null;
    };
    svg.onfocus = () => this.load();
    svg.onblur = () => this.lift();
    svg.onkeydown = (/** @type {KeyboardEvent} */ event) => this.press(event);
  }

  /** Move the pen by an arrow key; put it down or lift it by Space or Enter. */
  press(/** @type {KeyboardEvent} */ event) {
    const step = ARROWS[event.key];
    if (!step && event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (step) {
      this.pen = this.pen.map((at, axis) => Math.min(GRID, Math.max(0, at + STEP * step[axis])));
      if (this.isDown) this.extend(this.pen);
    } else {
      this.isDown = !this.isDown;
      if (this.isDown) this.begin(this.pen);
    }
    const circle = this.at("circle");
    circle.style.transform = `translate(${this.pen[0]}px, ${this.pen[1]}px)`;
    circle.classList.toggle("down", this.isDown);
    const [column, row] = this.pen.map((at) => Math.round(at / STEP));
    this.where = `Pen ${this.isDown ? "down" : "up"}, row ${row}, column ${column}. `;
    this.say(this.where + this.verdict);
  }

  /** Show what was drawn in the next frame. */
  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.update();
    });
  }

  update() {
    const { ink, image } = this.strokes;
    paint(this.at(".pad canvas"), ink);
    const inked = box(ink);
    const isBlank = !inked.height;
    this.at(".hint").hidden = !isBlank;
    const input = isBlank ? null : this.prepare(inked);
    if (this.network) this.conclude(this.network.show(input));
    else this.conclude(this.problem || (isBlank ? "Nothing to read" : ""));
    const taken = image ? null : this.at(":checked[type=radio]");
    if (taken) taken.checked = false;
  }

  /** Make an image of what was drawn, as MNIST did, and show each step. */
  prepare(/** @type {import("./strokes.js").Box} */ inked) {
    const { ink, image } = this.strokes;
    const isPlaced = this.at("[type=checkbox]")?.checked ?? true;
    const cropped = crop(ink, inked);
    const scaled = scale(cropped);
    const placed = isPlaced ? centre(scaled) : asDrawn(ink);
    if (image) placed.values = image; // which MNIST has placed already
    this.view
      .querySelectorAll(".steps figure")
      .forEach((/** @type {any} */ { children }, /** @type {number} */ k) => {
        const grid = [cropped, scaled, placed][k];
        paint(children[0], grid);
        const name = k < 2 || isPlaced ? ["cropped", "scaled", "centred"][k] : "as drawn";
        children[1].textContent = `${name} ${grid.height}×${grid.width}`;
      });
    return placed.values;
  }

  /** Show the answer, and say it. */
  conclude(/** @type {string} */ verdict) {
    if (verdict === this.verdict) return;
    this.verdict = verdict;
    this.at(".verdict").textContent = verdict;
    this.say(this.where + verdict);
  }

  /** Have a sentence read aloud: the last of each second. */
  say(/** @type {string} */ sentence) {
    this.news = sentence;
    this.saying ||= setTimeout(() => {
      this.saying = 0;
      this.at(".said").textContent = this.news;
    }, SECOND);
  }
}

customElements.define("digit-pad", DigitPad);
