// <conv-stepper>: the figure of a window and of the number that it makes becomes one in which the
// window is moved, and the kernel and the settings are changed. Its numbers lie beside the figure,
// as JSON. Where this does not run, the figure stays.
import { avgPool2d, conv2d, maxPool2d, shapeOf, windowsOf } from "./arithmetic.js";
import { Loop } from "./loop.js";
import { boxes, CONTROLS, frame, paint, placeIn, write } from "./stepper-view.js";

/** @type {Record<string, number>} */
const MOST = { kernel_size: 5, padding: 5 }; // so that there is room for the numbers
const FOLLOWED = 12; // steps that are slow
const [SLOW, FAST] = [600, 120]; // milliseconds a step
/** @type {Record<string, number[]>} */
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

class ConvStepper extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML =
      '<button type="button" class="open" part="open" aria-expanded="false">Step through it</button>' +
      "<slot></slot><div hidden></div>";
    this.view = root.querySelector("div");
    root.querySelector("button").addEventListener("click", () => this.toggle());
  }

  disconnectedCallback() {
    this.pause();
    this.loop?.clear();
  }

  /** Show what can be stepped through, or the picture again. */
  async toggle() {
    const isOpen = !!this.view.hidden;
    const [button, picture] = this.shadowRoot.querySelectorAll("button, slot");
    try {
      if (isOpen && !this.x) await this.load();
    } catch {
      button.textContent = "Its numbers did not arrive: try again";
      return;
    }
    if (!isOpen) this.disconnectedCallback();
    this.view.hidden = !isOpen;
    picture.toggleAttribute("hidden", isOpen);
    button.textContent = isOpen ? "Back to the picture" : "Step through it";
    button.ariaExpanded = String(isOpen);
    button.setAttribute("part", isOpen ? "" : "open");
    this.style.paddingBottom = isOpen ? "0" : "";
  }

  async load() {
    const numbers = this.querySelector("img").src.replace(/\.svg.*/, ".json");
    const looks = new URL("../styles/conv-stepper.css", import.meta.url);
    const [values, css] = await Promise.all([
      fetch(numbers).then((answer) => answer.json()),
      fetch(looks).then((answer) => answer.text()),
    ]);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.shadowRoot.adoptedStyleSheets.push(sheet);
    /** @type {number[][][]} the input, (C, H, W) */
    this.x = values.x;
    /** @type {Map<string, number[][][]>} (C, kH, kW) each, by name; none for a pooling */
    this.kernels = new Map(values.kernels);
    /** @type {Record<string, any>} those that can be changed */
    this.settings = values.settings;
    this.row = values.row;
    this.column = values.column;
    this.bias = 0;
    this.channel = 0; // the one that is seen
    this.isPooling = !this.kernels.size;
    this.loop = new Loop(this);
    this.view.innerHTML = CONTROLS;
    this.view.className = this.isPooling ? "pooling" : "";
    for (const name of ["restart", "play", "step"])
      this.at(`.${name}`).addEventListener("click", () => this.do(name));
    if (this.isPooling) this.at(".middle .title").textContent = "window";
    const names = this.isPooling ? ["max", "average"] : this.kernels.keys();
    this.choice(this.isPooling ? "pooling" : "kernel", names, () => this.pick());
    if (this.x.length > 1)
      this.choice("channel", this.x.keys(), (channel) => {
        this.channel = Number(channel);
        this.layOut();
      });
    for (const name of ["kernel_size", "stride", "padding", "dilation"])
      if (name in this.settings) this.field(name);
    this.at(".bias").addEventListener("input", () => {
      this.bias = Number(this.at(".bias").value);
      this.compute();
    });
    this.loop.nameAll();
    this.listen(this.at(".input svg"), () => this.pixel ?? this.middle(), this.touch);
    this.listen(this.at(".output svg"), () => [this.row, this.column], this.go);
    this.pick();
  }

  /** @returns {any} the part of the view that a selector names */
  at(/** @type {string} */ selector) {
    return this.view.querySelector(selector);
  }

  /** @type {(name: string, options: Iterable<string | number>, act: (option: string) => void) => void} */
  choice(name, options, act) {
    const select = this.control(name, "<select></select>");
    for (const option of options) select.append(new Option(String(option)));
    select.addEventListener("change", () => act(select.value));
  }

  /** @type {(name: string) => void} of a setting */
  field(name) {
    const input = this.control(name.replace("_", " "), '<input type="number" min="0">');
    input.value = this.settings[name];
    input.addEventListener("input", () => {
      this.settings[name] = input.value === "" ? "" : Number(input.value);
      if (name === "kernel_size") this.pick();
      else this.compute();
    });
  }

  /** @type {(name: string, html: string) => any} */
  control(name, html) {
    const label = document.createElement("label");
    label.innerHTML = `${name} ${html}`;
    this.at(".bar").append(label);
    return label.lastElementChild;
  }

  /**
   * Call what is to be done with the place that is pointed at, or that the arrow keys lead to.
   *
   * @type {(svg: SVGSVGElement, place: () => number[], act: (row: number, column: number) => void) => void}
   */
  listen(svg, place, act) {
    const point = (/** @type {PointerEvent} */ event) => {
      if (event.type === "pointerdown") this.pause();
      if (!this.timer && this.map) act.call(this, ...placeIn(svg, event));
    };
    svg.addEventListener("pointerdown", point);
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && this.pixel) this.go(this.row, this.column);
    });
    svg.addEventListener("keydown", (event) => {
      const step = ARROWS[event.key];
      if (!step || !this.map) return;
      event.preventDefault();
      this.pause();
      const [row, column] = place();
      act.call(this, row + step[0], column + step[1]);
    });
  }

  /** Take the kernel that is chosen, or the kind of pooling, and lay out its numbers. */
  pick() {
    const name = this.at("select").value;
    const size = this.settings.kernel_size;
    const isSmall = Number.isInteger(size) && size > 0 && size <= MOST.kernel_size;
    const ones = Array(isSmall ? size : 1).fill(1);
    this.kernel = this.isPooling ? [ones.map(() => ones)] : structuredClone(this.kernels.get(name));
    this.layOut();
  }

  layOut() {
    const slice = this.kernel[this.channel];
    boxes(this.at(".products"), slice, (i, j, weight) => {
      slice[i][j] = weight;
      this.compute();
    });
    this.compute();
  }

  /** Make the output anew, or say why there is none. */
  compute() {
    this.pause();
    const { kernel_size: size = this.kernel[0].length, ...settings } = this.settings;
    let problem = "";
    this.map = null;
    try {
      for (const [name, most] of Object.entries(MOST))
        if (this.settings[name] > most)
          throw new RangeError(`${name} may be at most ${most} here, or there is no room for it`);
      const pool = this.at("select").value === "max" ? maxPool2d : avgPool2d;
      const images = this.isPooling
        ? pool([this.x], size, settings)
        : conv2d([this.x], [this.kernel], [this.bias], settings);
      this.map = images[0][0];
      const counts = [this.map.length, this.map[0].length];
      const { stride = this.isPooling ? size : 1, padding = 0, dilation = 1 } = settings;
      this.windows = windowsOf(counts, size, stride, padding, dilation);
      paint(this, this.at(".input svg"), this.x[this.channel], padding);
      paint(this, this.at(".output svg"), this.map, 0);
      this.at(".input .title").textContent = `input, ${shapeOf(this.x[0]).join("×")}`;
      this.at(".output .title").textContent = `output, ${counts.join("×")}`;
    } catch (error) {
      problem = /** @type {Error} */ (error).message;
    }
    this.at(".problem").textContent = problem;
    this.view.classList.toggle("impossible", problem !== "");
    for (const button of this.view.querySelectorAll("button")) button.disabled = problem !== "";
    if (this.map) this.go(this.row, this.column);
    else this.say(problem);
  }

  /** Move the window to where it makes this number of the output. */
  go(/** @type {number} */ row, /** @type {number} */ column, isMade = true) {
    this.row = Math.max(0, Math.min(row, this.map.length - 1));
    this.column = Math.max(0, Math.min(column, this.map[0].length - 1));
    this.pixel = null;
    this.view.dataset.name = "";
    const [rows, columns] = [this.windows[0][this.row], this.windows[1][this.column]];
    const result = this.map[this.row][this.column];
    frame(this.at(".input svg"), "kernel", rows, columns);
    frame(this.at(".output svg"), "output", [this.row], [this.column], isMade);
    this.say(write(this, rows, columns, result));
    this.at("code").textContent = this.loop.with(this.row, this.column);
    if (isMade) this.loop.clear();
    else this.loop.mark("step");
  }

  /** Show all numbers of the output that read a pixel. */
  touch(/** @type {number} */ row, /** @type {number} */ column) {
    this.pixel = [
      Math.max(0, Math.min(row, this.x[0].length - 1)),
      Math.max(0, Math.min(column, this.x[0][0].length - 1)),
    ];
    const reading = this.windows.map((along, axis) =>
      along.flatMap((places, n) => (places.includes(this.pixel[axis]) ? [n] : [])),
    );
    const count = reading[0].length * reading[1].length;
    frame(this.at(".input svg"), "input", [this.pixel[0]], [this.pixel[1]]);
    frame(this.at(".output svg"), "touched", reading[0], reading[1]);
    const windows = count === 1 ? "1 window reads" : `${count || "No"} windows read`;
    this.say(`${windows} the pixel at row ${this.pixel[0]}, column ${this.pixel[1]}.`);
  }

  /** @returns {number[]} the pixel in the middle of the window */
  middle() {
    const half = (/** @type {number[]} */ places) => places[places.length >> 1];
    return [half(this.windows[0][this.row]), half(this.windows[1][this.column])];
  }

  /** Show a sentence at once, and have it read aloud once nothing has changed for a while. */
  say(/** @type {string} */ sentence) {
    this.at(".tell").textContent = sentence;
    clearTimeout(this.saying);
    this.saying = setTimeout(() => {
      this.at(".said").textContent = sentence;
    }, 800);
  }

  do(/** @type {string} */ name) {
    const isPlaying = !!this.timer;
    this.pause();
    if (name === "restart") this.go(0, 0, false);
    if (name === "step") this.step();
    if (name !== "play" || isPlaying) return;
    if (!this.next()) this.go(0, 0, false);
    let steps = 0;
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const tick = () => {
      this.timer = setTimeout(tick, isCalm ? 2 * SLOW : steps++ < FOLLOWED ? SLOW : FAST);
      if (!this.step()) this.pause();
    };
    this.at(".play").textContent = "Pause";
    tick();
  }

  /** @returns {number[] | null} the place after this one */
  next() {
    if (this.column + 1 < this.map[0].length) return [this.row, this.column + 1];
    return this.row + 1 < this.map.length ? [this.row + 1, 0] : null;
  }

  step() {
    const next = this.next();
    if (next) this.go(next[0], next[1], false);
    return next;
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = 0;
    const play = this.view?.querySelector(".play");
    if (play) play.textContent = "Play";
  }
}

customElements.define("conv-stepper", ConvStepper);
