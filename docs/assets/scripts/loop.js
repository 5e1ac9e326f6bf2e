// The loop in the section of a figure that does what the figure shows: its lines, and the names in it, are
// marked where the browser can mark text.
const STEP = / *window = .*| *\w+\[i, j\] = .*/g; // what is done for each number of the output

export class Loop {
  constructor(/** @type {Element} */ figure) {
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

  /** Call with the word of the code that is pointed at or touched. */
  follow(/** @type {(word: string) => void} */ act) {
    const point = (/** @type {any} */ event) => {
      const { offsetNode: node, offset } =
        document.caretPositionFromPoint?.(event.clientX, event.clientY) ?? {};
      const word = [...(node?.textContent ?? "").matchAll(/\w+/g)].find(
        ({ index, 0: text }) => index <= offset && offset < index + text.length,
      );
      if (word) act(word[0]);
    };
    this.code?.addEventListener("pointermove", point);
    this.code?.addEventListener("pointerdown", point);
  }

  clear() {
    for (const kind of ["step", "name"]) if ("highlights" in CSS) CSS.highlights.delete(kind);
  }
}
