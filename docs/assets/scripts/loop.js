// The loop in the section of a figure that does what the figure shows: its lines, and the names in it, are
// marked where the browser can mark text.
import { frame } from "./stepper-view.js";

const STEP = / *window = .*| *\w+\[i, j\] = .*/g; // what is done for each number of the output

export class Loop {
  constructor(/** @type {any} */ figure) {
    this.figure = figure;
    const before = [...document.querySelectorAll("h2, .language-python code")].filter(
      (part) => part.compareDocumentPosition(figure) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    const section = before.slice(before.findLastIndex((part) => part.localName === "h2") + 1);
    this.code = section.findLast((code) => /\[i, j\] = /.test(code.textContent));
    this.text = this.code?.textContent ?? "";
  }

  /** Return the line that makes a number, with its place in the output. */
  with(/** @type {number} */ i, /** @type {number} */ j) {
    const line = this.text.match(STEP)?.at(-1) ?? "";
    return line.trim().replace("[i, j]", `[${i}, ${j}]`);
  }

  find(/** @type {string | RegExp} */ what) {
    return [...this.text.matchAll(new RegExp(what, "g"))].filter(([found]) => found.trim());
  }

  /** Mark the lines that make a step, or a name wherever it stands. */
  mark(/** @type {string} */ kind, name = "") {
    if (!("highlights" in CSS) || (!name && CSS.highlights.has(kind))) return;
    const found = this.find(name ? `\\b${name}\\b` : STEP);
    CSS.highlights.set(kind, new Highlight(...found.map((match) => this.range(match))));
  }

  /** Return where a piece of the code stands, which may lie in many elements. */
  range(/** @type {RegExpExecArray} */ { index, 0: text }) {
    const range = new Range();
    const walker = document.createTreeWalker(this.code, NodeFilter.SHOW_TEXT);
    const [first, last] = [index + text.search(/\S/), index + text.length];
    for (let at = 0; walker.nextNode(); ) {
      const node = /** @type {Text} */ (walker.currentNode);
      if (at <= first && first < at + node.length) range.setStart(node, first - at);
      if (at < last && last <= at + node.length) range.setEnd(node, last - at);
      at += node.length;
    }
    return range;
  }

  /** Have the names say what they hold: below the figure, and where they stand in the code. */
  nameAll() {
    const place = this.figure.at(".names");
    const names = ["i", "j", "window", "kernel"].filter(
      (name) => this.find(`\\b${name}\\b`).length,
    );
    place.hidden = !names.length;
    for (const name of names) {
      const button = document.createElement("button");
      button.textContent = name;
      for (const event of ["pointerenter", "focus"])
        button.addEventListener(event, () => this.show(name));
      for (const event of ["pointerleave", "blur"])
        button.addEventListener(event, () => {
          const { view, row, column } = this.figure;
          if (view.dataset.name) this.figure.go(row, column);
        });
      place.append(button);
    }
    const point = (/** @type {any} */ event) => {
      const { offsetNode: node, offset } =
        document.caretPositionFromPoint?.(event.clientX, event.clientY) ?? {};
      const word = [...(node?.textContent ?? "").matchAll(/\w+/g)].find(
        ({ index, 0: text }) => index <= offset && offset < index + text.length,
      );
      if (word && names.includes(word[0]) && !this.figure.timer) this.show(word[0]);
    };
    this.code?.addEventListener("pointermove", point);
    this.code?.addEventListener("pointerdown", point);
  }

  /** Show in the figure what a name holds. */
  show(/** @type {string} */ name) {
    const { row, column, map, kernel, view, isConnected } = this.figure;
    if (!map || view.hidden || !isConnected) return;
    this.figure.pause();
    this.figure.go(row, column);
    const size = `${kernel[0].length} by ${kernel[0].length}`;
    const svg = this.figure.at(".output svg");
    if (name === "i") frame(svg, "output", [row], [...map[0].keys()]);
    if (name === "j") frame(svg, "output", [...map.keys()], [column]);
    view.dataset.name = name;
    this.mark("name", name);
    /** @type {Record<string, string>} */
    const holds = {
      i: `${row}, the row of the output`,
      j: `${column}, the column of the output`,
      window: `the ${size} numbers of the input in the frame`,
      kernel: `the ${size} weights`,
    };
    this.figure.say(`${name} is ${holds[name]}.`);
  }

  clear() {
    for (const kind of ["step", "name"]) if ("highlights" in CSS) CSS.highlights.delete(kind);
  }
}
