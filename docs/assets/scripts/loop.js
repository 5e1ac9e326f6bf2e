// The loop of the page that does what a figure after it shows: its lines are marked while the
// window moves, where the browser can mark text.

const STEP = /^ *window = .*$|^ *\w+\[i, j\] = .*$/gm; // what is done for each number of the output

const sheet = new CSSStyleSheet();
sheet.replaceSync(
  "::highlight(step) { background: color-mix(in srgb, var(--kernel) 35%, transparent) }",
);

export class Loop {
  constructor(/** @type {Element} */ figure) {
    const isBefore = (/** @type {Element} */ code) =>
      code.compareDocumentPosition(figure) & Node.DOCUMENT_POSITION_FOLLOWING;
    const blocks = [...document.querySelectorAll(".language-python code")];
    this.code = blocks.findLast((code) => isBefore(code) && code.textContent.match(STEP));
    this.lines = this.code ? [...this.code.textContent.matchAll(STEP)] : [];
  }

  /** Return the line that makes a number, with its place in the output. */
  with(/** @type {number} */ i, /** @type {number} */ j) {
    return (this.lines.at(-1)?.[0] ?? "").trim().replace("[i, j]", `[${i}, ${j}]`);
  }

  /** Mark the lines. */
  mark() {
    if (!this.lines.length || !("highlights" in CSS) || CSS.highlights.has("step")) return;
    if (!document.adoptedStyleSheets.includes(sheet)) document.adoptedStyleSheets.push(sheet);
    const ranges = this.lines.map(([line], n) => this.range(this.lines[n].index, line));
    CSS.highlights.set("step", new Highlight(...ranges));
  }

  /** Return where a piece of the code stands, which may lie in many elements. */
  range(/** @type {number} */ start, /** @type {string} */ text) {
    const range = new Range();
    const walker = document.createTreeWalker(this.code, NodeFilter.SHOW_TEXT);
    const [first, last] = [start + text.search(/\S/), start + text.length];
    for (let at = 0; walker.nextNode(); ) {
      const node = /** @type {Text} */ (walker.currentNode);
      if (at <= first && first < at + node.length) range.setStart(node, first - at);
      if (at < last && last <= at + node.length) range.setEnd(node, last - at);
      at += node.length;
    }
    return range;
  }

  clear() {
    if ("highlights" in CSS) CSS.highlights.delete("step");
  }
}
