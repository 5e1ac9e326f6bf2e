// <shape-calculator>: a network that is edited in place, layer by layer. It starts from the code above
// it on the page, or from what the end of the address says.
import { repr } from "./arithmetic.js";
import { explain, LAYERS, literal, parse, program, short } from "./pasted.js";
import { KINDS, numbersOf, trace, written } from "./trace.js";

/** @typedef {import("./trace.js").Arguments} Arguments */

const twice = (/** @type {number} */ c, /** @type {number} */ o) =>
  `,Conv2d(${c},${o},3,padding=1),ReLU(),Conv2d(${o},${o},3,padding=1),ReLU(),MaxPool2d(2)`;
/** @type {Record<string, string>} */
const NETWORKS = {
  "the tutorial's network":
    "(1,28,28),Conv2d(1,6,3),ReLU(),MaxPool2d(2),Conv2d(6,16,3),ReLU(),MaxPool2d(2)," +
    "Flatten(),Linear(400,120),ReLU(),Linear(120,84),ReLU(),Linear(84,10)",
  "LeNet-5":
    "(1,32,32),Conv2d(1,6,5),Tanh(),AvgPool2d(2),Conv2d(6,16,5),Tanh(),AvgPool2d(2)," +
    "Conv2d(16,120,5),Tanh(),Flatten(),Linear(120,84),Tanh(),Linear(84,10)",
  "a stack like VGG's":
    `(3,32,32)${twice(3, 64)}${twice(64, 128)}${twice(128, 256)},` +
    "Flatten(),Linear(4096,512),ReLU(),Dropout(),Linear(512,10)",
};
const FIELDS = /channels|features|size|stride|padding|^p$/; // the rest stays as pasted
const CELLS =
  '<td><code></code><p class="why"></p><td><td data-unit="parameters">' +
  '<td data-unit="multiply-adds"><td data-unit="receptive field"><td>';
const KEY = "#net=";
const PAUSE = 400; // milliseconds until a change is said, and stands in the address
const VIEW = `<button type="button" class="open" part="open" aria-expanded="false">Open the shape calculator</button>
<div hidden>
  <p class="bar">Start from</p>
  <table aria-label="Layers"><thead><tr>
    <th>Layer<th>Shape<th>Parameters<th>Multiply-adds<th>Receptive field<th>Edit
  </thead><tbody></tbody><tfoot><tr>
    <td>in all<td><td data-unit="parameters"><td data-unit="multiply-adds"><td><td>
  </tfoot></table>
  <details><summary>Paste code, or an error message</summary>
    <label>nn.Sequential(…), or “mat1 and mat2 shapes cannot be multiplied …”
      <textarea rows="5" spellcheck="false"></textarea></label>
    <button type="button" class="read">Read it</button>
  </details>
  <p role="status"></p>
  <button type="button" class="copy">Copy as PyTorch</button>
</div>`;

const SHEET = new CSSStyleSheet();
const styled = fetch(new URL("../styles/shape-calculator.css", import.meta.url))
  .then((answer) => answer.text())
  .then((text) => SHEET.replace(text));

/** @type {(name: string, about: Arguments, ...inside: any[]) => any} an element */
function make(name, about, ...inside) {
  const element = Object.assign(document.createElement(name), about);
  element.append(...inside);
  return element;
}
/** @type {(text: string, onclick: () => void, ariaLabel?: string) => any} */
const button = (text, onclick, ariaLabel = null) =>
  make("button", { type: "button", onclick, ariaLabel }, text);

const CHOICE = make("select", {}, ...Object.keys(KINDS).map((name) => new Option(name)));

class ShapeCalculator extends HTMLElement {
  connectedCallback() {
    if (!this.shadowRoot) this.build();
    addEventListener("hashchange", this);
    this.handleEvent();
  }

  disconnectedCallback() {
    removeEventListener("hashchange", this);
    clearTimeout(this.timer);
  }

  build() {
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = VIEW;
    root.adoptedStyleSheets = [SHEET];
    this.at(".open").onclick = () => this.open(this.at("div").hidden);
    const starts = Object.entries(NETWORKS).map(([name, text]) =>
      button(name, () => this.take(text)),
    );
    this.at(".bar").append(...starts);
    this.at(".read").onclick = () => this.read();
    this.at(".copy").onclick = () => this.copy();
    const above = [...document.querySelectorAll("article pre > code")]
      .filter((code) => code.compareDocumentPosition(this) & Node.DOCUMENT_POSITION_FOLLOWING)
      .findLast((code) => /nn\.Sequential\(\n/.test(code.textContent));
    this.network = parse(Object.values(NETWORKS)[0], []);
    if (above) this.network = parse(above.textContent, this.network.input);
    this.draw();
    this.update();
    this.open(this.hasAttribute("open"));
  }

  /** @returns {any} */
  at(/** @type {string} */ selector) {
    return this.shadowRoot.querySelector(selector);
  }

  /** Open, or close again, what was opened by its button. */
  async open(isOpen = true) {
    await styled;
    const opener = this.at(".open");
    this.at("div").hidden = !isOpen;
    opener.ariaExpanded = String(isOpen);
    opener.textContent = isOpen ? "Close the shape calculator" : "Open the shape calculator";
    opener.hidden = this.hasAttribute("open");
  }

  /** Show the network of the address, if it has one. */
  handleEvent() {
    if (!location.hash.startsWith(KEY)) return;
    this.open().then(() => this.scrollIntoView());
    try {
      this.take(decodeURIComponent(location.hash.slice(KEY.length)), "This is from the address.");
    } catch {
      this.say("The address holds no network: it was cut off or changed.");
    }
  }

  /** Take the network that a text says, or say why that cannot be done. */
  take(/** @type {string} */ text, said = "") {
    try {
      this.network = parse(text, this.network.input);
      this.draw();
      this.change(said);
    } catch (error) {
      this.say(/** @type {Error} */ (error).message);
    }
  }

  read() {
    const text = this.at("textarea").value;
    if (!explain(text, this.network) || text.includes("Sequential(")) this.take(text);
    const explained = explain(text, this.network);
    if (explained) this.change(explained);
  }

  /** Make the rows anew, and give the focus to the kind of a layer. */
  draw(focus = -2) {
    const { input, layers } = this.network;
    const images = ["channels", "height", "width"].map((name, i) =>
      this.field(i < 2 ? "," : ")", input, i, input[i], `${name} of the images`),
    );
    const rows = layers.map(({ kind, args }, i) => {
      const select = CHOICE.cloneNode(true);
      const onchange = () => this.splice(i, 1, select.value);
      Object.assign(select, { value: kind, ariaLabel: `Kind of layer ${i}`, onchange });
      const presets = Object.entries(KINDS[kind]);
      const shown = presets.filter(
        ([name]) => FIELDS.test(name) || name in args || (name === "dilation" && kind === "Conv2d"),
      );
      const fields = shown.map(([name, preset], j) => {
        const value = args[name] ?? preset ?? args.kernel_size;
        const end = j + 1 < shown.length ? "," : ")";
        return this.field(end, args, name, value, `${name} of layer ${i}`);
      });
      return this.row(
        [`${i} nn.`, select, fields.length ? "(" : "()", ...fields],
        button("+", () => this.splice(i + 1, 0, "ReLU"), `Add a layer after layer ${i}`),
        button("×", () => this.splice(i, 1), `Remove layer ${i}`),
      );
    });
    const add = button("+", () => this.splice(0, 0, "ReLU"), "Add a layer before layer 0");
    this.at("tbody").replaceChildren(this.row(["torch.zeros(1,", ...images], add), ...rows);
    if (focus >= -1) (this.shadowRoot.querySelectorAll("select")[focus] ?? add).focus();
  }

  /** @type {(code: any[], ...buttons: any[]) => any} */
  row(code, ...buttons) {
    const row = make("tr", { innerHTML: CELLS });
    row.querySelector("code").append(...code);
    row.cells[5].append(...buttons);
    return row;
  }

  /** @type {(end: string, target: any, name: string | number, value: any, ariaLabel: string) => any} */
  field(end, target, name, value, ariaLabel) {
    const isNumber = typeof value === "number" || value === null;
    const type = isNumber ? "number" : "text";
    const text = typeof value === "string" ? value : isNumber ? (value ?? "") : repr(value);
    const input = make("input", { type, ariaLabel, name, value: text, step: "any" });
    const resize = () =>
      (input.style.width = `${Math.min(Math.max(2, input.value.length), 12) + 1.3}ch`);
    resize();
    input.oninput = () => {
      target[name] = isNumber && input.value === "" ? null : literal(input.value);
      resize();
      this.change();
    };
    const isNamed = /kernel|output|stride|padding|dilation|bias|mode/.test(`${name}`);
    return make("span", {}, isNamed ? `${name}=` : "", input, end);
  }

  /** Remove layers, and add one that fits what arrives. */
  splice(/** @type {number} */ i, /** @type {number} */ removed, kind = "") {
    const { layers } = this.network;
    if (layers.length - removed >= LAYERS && kind)
      return this.say(`${LAYERS} layers are the most.`);
    const shape = trace(this.network, false)[i].shape ?? [1];
    /** @type {Arguments} */
    const fitting = {
      ...{ in_channels: shape[0], num_features: shape[0], in_features: numbersOf(shape) },
      ...{ out_channels: 16, out_features: 10, kernel_size: 2, output_size: 1 },
      ...(kind === "Conv2d" && { kernel_size: 3, padding: 1 }),
    };
    const named = Object.entries(fitting).filter(([name]) => kind && name in KINDS[kind]);
    layers.splice(i, removed, ...(kind ? [{ kind, args: Object.fromEntries(named) }] : []));
    this.draw(Math.min(i, layers.length - 1));
    this.change();
  }

  /** Write what the layers make of the images; after a while say it, and keep it in the address. */
  change(said = "") {
    this.update();
    clearTimeout(this.timer);
    this.news = said || this.summary;
    this.timer = setTimeout(() => {
      history.replaceState(null, "", KEY + encodeURI(short(this.network)));
      if (this.news) this.say(this.news);
    }, PAUSE);
  }

  say(/** @type {string} */ sentence) {
    this.news = "";
    this.at("[role=status]").textContent = sentence;
  }

  update() {
    const traced = trace(this.network);
    const commas = (/** @type {bigint} */ n) => n?.toLocaleString("en") ?? "";
    for (const [i, tr] of [...this.at("tbody").rows].entries()) {
      const { shape, field, parameters, multiplyAdds, error = "", mend } = traced[i];
      const seen = field?.every(Boolean) ? field.join("×") : shape ? "–" : "";
      const texts = [shape ? written(shape) : "", commas(parameters), commas(multiplyAdds), seen];
      for (const [j, text] of texts.entries()) {
        tr.cells[j + 1].textContent = text;
        tr.cells[j + 1].className = text === "0" ? "none" : "";
      }
      tr.className = error && "wrong";
      const why = tr.querySelector(".why");
      why.textContent = error && `${error} `;
      if (mend) why.append(button("Mend it", () => this.mend(i - 1, mend)));
      for (const input of tr.querySelectorAll("input"))
        input.ariaInvalid = `${error.includes(`${input.name} must`) || input.name in (mend ?? {})}`;
    }
    const [parameters, multiplyAdds] = /** @type {const} */ (["parameters", "multiplyAdds"]).map(
      (name) => commas(traced.reduce((all, row) => all + (row[name] ?? 0n), 0n)),
    );
    const { cells } = this.at("tfoot tr");
    [cells[2].textContent, cells[3].textContent] = [parameters, multiplyAdds];
    const { shape } = traced.at(-1);
    this.summary = shape
      ? `${written(shape)} comes out: ${parameters} parameters, ${multiplyAdds} multiply-adds.`
      : `${traced.find(({ error }) => error).error}.`;
  }

  mend(/** @type {number} */ i, /** @type {Arguments} */ { Flatten, ...better }) {
    Object.assign(this.network.layers[i].args, better);
    if (Flatten) return this.splice(i, 0, "Flatten");
    this.draw(i);
    this.change();
  }

  async copy() {
    const code = program(this.network);
    try {
      await navigator.clipboard.writeText(code);
      this.say("The code is copied.");
    } catch {
      this.at("textarea").value = code;
      this.at("details").open = true;
      this.say("The code stands in the field above: copy it from there.");
    }
  }
}
customElements.define("shape-calculator", ShapeCalculator);
