// <train-live>: where the figure of a training stood, a training. A worker makes the steps. It is asked
// for the next ones when the last are drawn, so a page that nobody sees waits.
import { picture } from "./stepper-view.js";

const DRAWN = 10; // digits from one drawing to the next, at least
const PAUSE = 4000; // milliseconds from one sentence to the next
const HIGHEST = 3; // loss in the chart

const chart = (/** @type {string} */ name, /** @type {string} */ title, top = "100 %") =>
  `<figure class="${name}"><figcaption>${title} <b></b></figcaption><svg viewBox="0 0 300 150" aria-hidden="true">
<path d="M48 5v120h242"/><text x="43" y="14">${top}</text><text x="43" y="128">0</text>
<text x="190" y="145">digits seen</text><text class="end" x="290" y="145"/>
<g><path class="before"/><path class="each"/><path class="now"/></g></svg></figure>`;
const frames = [0, 4, 8, 12, 16, 20].map((x) => `M${x} 0h3v3h-3zM${x} 4h3v3h-3z`).join("");
const VIEW = `<button class="start open" part="open">Start</button><slot></slot><div hidden>
<p><button class="play">Pause</button> <button class="step">Step</button>
<button class="restart">Restart</button> <button class="reseed">Another seed</button></p>
<p><label>learning rate <input class="rate" type="number" step="any" value="0.004"></label>
<label>batch size <select><option>1<option selected>5<option>30<option>150</select></label>
<label><input class="relu" type="checkbox" checked> ReLU</label>
<label><input class="shuffle" type="checkbox" checked> shuffling</label></p><div class="parts">
${chart("loss", "loss", `${HIGHEST}`)}${chart("right", "right, of the others")}
<figure class="kernels"><figcaption>kernels: as they began, and now <b></b></figcaption>
<svg viewBox="-.1 -.1 23.2 7.2" aria-hidden="true"><image width="23" height="7"/><path d="${frames}"/></svg>
</figure><figure class="digit"><figcaption><img> <b></b> <button class="other">Another digit</button>
</figcaption><svg viewBox="0 0 300 150" aria-hidden="true"><path class="bars"/><path class="label"/>
<text x="27 55 83 111 139 167 195 223 251 279" y="145">0123456789</text></svg></figure></div>
<p>Thin: each step. Thick: the others, from which it does not learn. Dashed: the training before.</p></div>
<p role="status"></p>`;

const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(0)} %`;
/** @type {(h: number, w: number, at: (i: number, j: number) => number) => number[][]} */
const matrix = (h, w, at) =>
  Array.from({ length: h }, (_, i) => Array.from({ length: w }, (_, j) => at(i, j)));

class TrainLive extends HTMLElement {
  connectedCallback() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.innerHTML = VIEW;
    this.seed = this.shown = this.told = this.waiting = 0;
    for (const name of ["start", "play", "step", "restart", "reseed", "other"])
      this.at(`.${name}`).onclick = () => /** @type {any} */ (this)[name]();
  }

  disconnectedCallback() {
    cancelAnimationFrame(this.frame);
    this.worker?.terminate();
  }

  /** @returns {any} */
  at(/** @type {string} */ selector) {
    return this.shadowRoot.querySelector(selector);
  }

  async start() {
    const problem = "This browser does not start what trains here.";
    this.at(".start").disabled = true;
    this.tell("The digits are on their way.");
    try {
      const looks = await fetch(new URL("../styles/train-live.css", import.meta.url));
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(await looks.text());
      this.shadowRoot.adoptedStyleSheets = [sheet];
      if (!this.isConnected) return;
      this.worker = new Worker(new URL("./train-worker.js", import.meta.url), { type: "module" });
      this.worker.onmessage = ({ data }) => this.show(data);
      this.worker.onerror = () => this.fail(problem);
      this.restart();
    } catch {
      this.fail(problem);
    }
  }

  fail(/** @type {string} */ problem) {
    this.disconnectedCallback();
    this.at(".start").disabled = false;
    this.waiting = 0;
    this.tell(`${problem} Start tries again.`);
  }

  restart() {
    this.ask(0, this.seed);
    this.play(true);
  }

  reseed() {
    this.seed++;
    this.restart();
  }

  step() {
    this.play(false);
    this.ask(1);
  }

  other() {
    this.shown++;
    this.ask(0);
  }

  /** Go on, or stop. */
  play(/** @type {boolean} */ isPlaying = !this.isPlaying) {
    this.isPlaying = isPlaying;
    this.at(".play").textContent = isPlaying ? "Pause" : "Go on";
    this.next();
  }

  next() {
    cancelAnimationFrame(this.frame);
    if (!this.isPlaying || this.waiting) return;
    const steps = Math.ceil(DRAWN / this.at("select").value);
    this.frame = requestAnimationFrame(() => this.ask(steps));
  }

  /** @type {(steps: number, seed?: number) => void} with a seed, of a new network */
  ask(steps, seed) {
    this.waiting++;
    const [batch, rate] = ["select", ".rate"].map((name) => Number(this.at(name).value));
    const [relu, shuffle] = [".relu", ".shuffle"].map((name) => this.at(name).checked);
    this.worker.postMessage({ steps, seed, batch, rate, relu, shuffle, shown: this.shown });
  }

  /** Show how the network stands. */
  show(/** @type {any} */ answer) {
    const { problem, isNew, isOver, seen, loss, others } = answer;
    if (problem) return this.fail(problem);
    this.waiting--;
    if (isNew) this.begin(answer.kernels);
    const isStep = loss !== undefined;
    const isLost = isStep && !Number.isFinite(loss);
    if (isNew || isStep) this.at(".play").disabled = this.at(".step").disabled = isLost;
    if (isOver || isLost) this.play(false);
    if (isStep && !isLost) this.add(".loss .each", seen, loss / HIGHEST);
    if (others) {
      this.add(".loss .now", seen, others.loss / HIGHEST);
      this.add(".right .now", seen, others.right);
      const right = percent(others.right);
      this.at(".right b").textContent = right;
      const how = `loss ${others.loss.toFixed(2)}, ${right} of the ${others.count} others right.`;
      this.tell(`After ${seen} digits: ${how}`, isNew || isOver);
    }
    if (isLost)
      this.tell(
        `After ${seen} digits, the loss is no number any more: the steps were too long. Take a ` +
          "smaller learning rate, and restart.",
      );
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (others || !isCalm || !this.isPlaying) this.draw(answer);
    this.next();
  }

  /** Clear the charts, in which the training before is left as a dashed line. */
  begin(/** @type {number[]} */ kernels) {
    this.first = kernels;
    for (const name of [".loss", ".right"]) {
      const [before, each, now] = this.at(`${name} g`).children;
      before.setAttribute("d", now.getAttribute("d") ?? "");
      for (const line of [each, now]) line.removeAttribute("d");
    }
    if (!this.at("div").hidden) return;
    this.style.paddingBottom = "0";
    this.at("div").hidden = false;
    this.at(".play").focus();
    for (const part of [".start", "slot"]) this.at(part).hidden = true;
  }

  /** @type {(line: string, x: number, y: number) => void} */
  add(line, x, y) {
    const path = this.at(line);
    path.setAttribute("d", `${path.getAttribute("d") ?? "M"}${x} ${Math.min(y, 1)} `);
  }

  draw(/** @type {any} */ { seen, count, loss, kernels, p, label, image }) {
    const end = count * Math.max(1, Math.ceil(seen / count));
    for (const name of [".loss", ".right"]) {
      this.at(`${name} g`).setAttribute("transform", `matrix(${242 / end} 0 0 -120 48 125)`);
      this.at(`${name} .end`).textContent = end.toLocaleString("en");
    }
    if (!seen || loss) this.at(".loss b").textContent = loss?.toFixed(2) ?? "";
    // Three pixels for each kernel, and one between them; above, those that it began with.
    const rows = matrix(7, 23, (i, j) => {
      const k = 9 * (j >> 2) + 3 * (i % 4) + (j % 4);
      return i % 4 === 3 || j % 4 === 3 ? 0 : (i < 3 ? this.first : kernels)[k];
    });
    this.at("image").setAttribute("href", picture(this, rows));
    const most = Math.max(...rows.flat().map(Math.abs)).toFixed(2);
    this.at(".kernels b").textContent = `red to ${most}, blue to −${most}`;
    const bars = Array.from(p, (share, k) => `M${28 * k + 16} 125v${-120 * share}h16V125z`);
    this.at(".bars").setAttribute("d", bars.join(""));
    this.at(".label").setAttribute("d", bars[label]);
    this.at(".digit b").textContent = `${percent(p[label])} for the ${label}`;
    if (!image) return;
    this.at("img").src = picture(
      this,
      matrix(28, 28, (i, j) => image[28 * i + j]),
    );
    this.at("img").alt = `A ${label}`;
  }

  /** @type {(sentence: string, isDue?: boolean) => void} */
  tell(sentence, isDue = true) {
    if (!isDue && performance.now() - this.told < PAUSE) return;
    this.told = performance.now();
    this.at("[role=status]").textContent = sentence;
  }
}
customElements.define("train-live", TrainLive);
