// How <conv-stepper> looks: its controls, its maps, and the numbers of a window.

export const CONTROLS = `<div class="bar">
  <span><button type="button" class="restart">Restart</button>
  <button type="button" class="play">Play</button>
  <button type="button" class="step">Step</button></span>
  <label><span class="kind">kernel</span> <select></select></label>
</div>
<p class="problem"></p>
<div class="columns">
  <div class="input"><p class="title"></p><svg tabindex="0" role="application"
    aria-label="Input: the arrow keys point at its pixels"></svg></div>
  <div class="middle"><p class="title">window × kernel</p><div class="products"></div></div>
  <div class="output"><p class="title"></p><svg tabindex="0" role="application"
    aria-label="Output: the arrow keys move the window"></svg></div>
  <p class="sum"><span></span> <label>+ bias <input class="bias" type="number" value="0" step="any">
    </label> <b></b></p>
</div>
<p class="tell" aria-hidden="true"></p>
<code></code>
<p class="said" role="status"></p>`;

export const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
:host { container-type: inline-size; display: block; font-size: 0.7rem; position: relative }
.open[aria-expanded="false"] { bottom: 0; left: 0; position: absolute }
.open[aria-expanded="true"] { margin-bottom: 0.8em }
button, input, select { background: var(--ground); border: 1px solid var(--ink-light); color: inherit;
  font: inherit; padding: 0.25em 0.6em }
button { border-color: var(--link); color: var(--link); cursor: pointer; min-height: 2.2em }
button:disabled { opacity: 0.5 }
:focus-visible { outline: 0.12rem solid var(--link); outline-offset: 0.1rem }
.bar { align-items: center; display: flex; flex-wrap: wrap; gap: 0.6em 1.2em }
.bar input { width: 4em }
p { margin: 0.6em 0 }
.problem:empty { display: none }
.problem { border-left: 0.2rem solid var(--wrong); padding-left: 0.6em }
.columns { align-items: start; display: grid; gap: 0.4em 1.2em; margin-top: 0.8em;
  grid-template: "input middle output" auto ". middle sum" 1fr / minmax(0, 1fr) auto minmax(0, 1fr) }
.impossible .columns { opacity: 0.35 }
.title { margin: 0 0 0.3em; text-align: center }
div.input { grid-area: input }
.middle { grid-area: middle }
div.output { grid-area: output }
svg { display: block; overflow: visible; touch-action: pan-y; width: 100% }
svg * { fill: none; pointer-events: none; vector-effect: non-scaling-stroke }
svg image { image-rendering: pixelated }
.input .edge { stroke: var(--input) }
.output .edge { stroke: var(--output) }
.padding { stroke: var(--ink-light); stroke-dasharray: 2 3 }
.frame { stroke-width: 2.5px }
.frame.kernel { stroke: var(--kernel) }
.frame.input { stroke: var(--input) }
.frame:is(.output, .touched) { stroke: var(--output) }
.frame.touched { stroke-width: 1.5px }
.veil { fill: var(--ground); opacity: 0.85 }
.products { border: 2.5px solid var(--kernel); display: grid; font-variant-numeric: tabular-nums;
  margin-inline: auto; width: max-content }
.products label { border: 1px solid var(--line); display: grid; min-width: 3.9em; padding: 0.2em;
  text-align: center }
.products input { border: 0; border-bottom: 2px solid var(--kernel); box-sizing: border-box;
  min-width: 100%; padding: 0; text-align: center; width: 0 }
.products b.most { box-shadow: inset 0 -0.2rem var(--output) }
.products .outside { color: var(--ink-light) }
.sum { grid-area: sum; text-align: center }
.sum input { width: 4.5em }
.sum > span { display: block }
.sum b { display: inline-block; box-shadow: inset 0 -0.15rem var(--output); font-size: 1.2em }
.pooling :is(.sum label, .products input, .products span) { display: none }
.said { clip-path: inset(50%); height: 1px; margin: 0; overflow: hidden; position: absolute; width: 1px }
@container (max-width: 32rem) {
  .columns { grid-template: "input output" "middle middle" "sum sum" / 1fr 1fr }
}`);

/** Lay out the numbers of a window: a pixel, its weight, which can be edited, and their product. */
export function boxes(
  /** @type {HTMLElement} */ place,
  /** @type {number[][]} */ kernel,
  /** @type {(i: number, j: number, weight: number) => void} */ edit,
) {
  place.style.gridTemplateColumns = `repeat(${kernel.length}, auto)`;
  place.replaceChildren(
    ...kernel.flatMap((weights, i) =>
      weights.map((weight, j) => {
        const label = document.createElement("label");
        label.innerHTML = '<span></span><input type="number" step="any"><b></b>';
        const input = label.querySelector("input");
        input.ariaLabel = `weight at row ${i}, column ${j} of the kernel`;
        input.value = String(Number(weight.toFixed(3)));
        input.addEventListener("input", () => edit(i, j, Number(input.value)));
        return label;
      }),
    ),
  );
}

/**
 * Write the numbers of a window and what they make, and return that as a sentence.
 *
 * @param {any} stepper
 * @param {number[]} rows
 * @param {number[]} columns
 * @param {number} result
 */
export function write(stepper, rows, columns, result) {
  const { x, kernel, isPooling, bias } = stepper;
  const kind = stepper.at("select").value;
  const labels = stepper.at(".products").children;
  let sum = 0;
  rows.forEach((row, i) => {
    columns.forEach((column, j) => {
      const [pixel, product] = labels[i * columns.length + j].querySelectorAll("span, b");
      const value = x[row]?.[column];
      const made = isPooling && kind === "max" ? (value ?? -Infinity) : (value ?? 0) * kernel[i][j];
      sum += made;
      pixel.textContent = `${number(value ?? 0)} ×`;
      product.textContent = isPooling ? number(made) : `= ${number(made)}`;
      product.className = kind === "max" && made === result ? "most" : "";
      pixel.parentElement.classList.toggle("outside", value === undefined);
    });
  });
  const [what, answer] = stepper.view.querySelectorAll(".sum > span, .sum > b");
  const count = labels.length;
  const where = `Row ${stepper.row}, column ${stepper.column} of the output`;
  answer.textContent = `= ${number(result)}`;
  if (isPooling) {
    what.textContent =
      kind === "max" ? `largest of ${count}` : `sum ${number(sum)}, divided by ${count}`;
    return `${where}: the ${kind === "max" ? "largest" : "mean"} of ${count} numbers is ${number(result)}.`;
  }
  what.textContent = `sum of ${count} products ${number(sum)}`;
  const added = bias ? `, and with the bias of ${number(bias)} make ${number(result)}` : "";
  return `${where}: the ${count} products add up to ${number(sum)}${added}.`;
}

/** Show a matrix, with its padding, and room for frames over it. */
export function paint(
  /** @type {Element} */ host,
  /** @type {SVGSVGElement} */ svg,
  /** @type {number[][]} */ matrix,
  /** @type {number} */ p,
) {
  const [h, w] = [matrix.length, matrix[0].length];
  const size = (/** @type {number} */ more) =>
    `x="${-more}" y="${-more}" width="${w + 2 * more}" height="${h + 2 * more}"`;
  svg.setAttribute("viewBox", `${-p} ${-p} ${w + 2 * p} ${h + 2 * p}`);
  svg.innerHTML =
    `<image ${size(0)} href="${picture(host, matrix)}"/><rect class="edge" ${size(0)}/>` +
    `${p ? `<rect class="padding" ${size(p)}/>` : ""}<path class="veil"/><g></g>`;
}

/** Return a picture of a matrix: grey, or red above zero and blue below where some lie below. */
function picture(/** @type {Element} */ host, /** @type {number[][]} */ matrix) {
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = [matrix.length, matrix[0].length];
  const values = matrix.flat();
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const style = getComputedStyle(host);
  const [below, above] = ["--below", "--above"].map((name) => {
    const color = Number.parseInt(style.getPropertyValue(name).trim().slice(1), 16);
    return [color >> 16, (color >> 8) & 255, color & 255];
  });
  const pixels = values.flatMap((value) => {
    if (low < 0)
      return [...(value < 0 ? below : above), (255 * Math.abs(value)) / Math.max(-low, high)];
    const grey = (255 * (value - low)) / (high - low || 1);
    return [grey, grey, grey, 255];
  });
  const image = new ImageData(new Uint8ClampedArray(pixels), canvas.width);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.toDataURL();
}

/** Frame pixels, as one where they lie side by side; what comes after them is veiled if it is not made. */
export function frame(
  /** @type {SVGSVGElement} */ svg,
  /** @type {string} */ kind,
  /** @type {number[]} */ rows,
  /** @type {number[]} */ columns,
  isMade = true,
) {
  const [heights, widths] = [rows, columns].map(pieces);
  const rect = (/** @type {number[]} */ [y, height], /** @type {number[]} */ [x, width]) =>
    `<rect class="frame ${kind}" x="${x}" y="${y}" width="${width}" height="${height}"/>`;
  svg.querySelector("g").innerHTML = heights
    .flatMap((height) => widths.map((width) => rect(height, width)))
    .join("");
  const { width, height } = svg.viewBox.baseVal;
  const [row, column] = [rows[0], columns[0] + 1];
  const rest = `M${column} ${row}H${width}V${height}H0V${row + 1}H${column}Z`;
  svg.querySelector(".veil").setAttribute("d", isMade ? "" : rest);
}

/** Return the start and the length of each run of neighbours. */
function pieces(/** @type {number[]} */ places) {
  /** @type {number[][]} */
  const found = [];
  for (const place of places) {
    const last = found.at(-1);
    if (last && place === last[0] + last[1]) last[1] += 1;
    else found.push([place, 1]);
  }
  return found;
}

/**
 * Return the row and the column of a map that is pointed at.
 *
 * @returns {[number, number]}
 */
export function placeIn(/** @type {SVGSVGElement} */ svg, /** @type {PointerEvent} */ event) {
  const [box, view] = [svg.getBoundingClientRect(), svg.viewBox.baseVal];
  const y = view.y + ((event.clientY - box.top) / box.height) * view.height;
  const x = view.x + ((event.clientX - box.left) / box.width) * view.width;
  return [Math.floor(y), Math.floor(x)];
}

function number(/** @type {number} */ value) {
  const text = Math.abs(value) >= 1e5 ? value.toExponential(1) : value.toFixed(2);
  return text.replace(/\.00$/, "").replace(/^-0$/, "0").replace("-", "−").replace("Infinity", "∞");
}
