// How <conv-stepper> looks: its controls, its maps, and the numbers of a window.

export const CONTROLS = `<div class="bar">
  <span><button type="button" class="restart">Restart</button>
  <button type="button" class="play">Play</button>
  <button type="button" class="step">Step</button></span>
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
<p class="names" hidden>What is in</p>
<p class="said" role="status"></p>`;

/**
 * Lay out the numbers of a window: a pixel, its weight, which can be edited, and their product.
 *
 * @type {(place: HTMLElement, kernel: number[][], edit: (i: number, j: number, weight: number) => void) => void}
 */
export function boxes(place, kernel, edit) {
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
 * @type {(stepper: any, rows: number[], columns: number[], result: number) => string}
 */
export function write(stepper, rows, columns, result) {
  const { x, kernel, channel, isPooling, bias } = stepper;
  const kind = stepper.at("select").value;
  const boxes = stepper.at(".products").children;
  const outside = isPooling && kind === "max" ? Number.NEGATIVE_INFINITY : 0;
  const sums = kernel.map((/** @type {number[][]} */ slice, /** @type {number} */ c) => {
    let sum = 0;
    rows.forEach((row, i) => {
      columns.forEach((column, j) => {
        const value = x[c][row]?.[column];
        const made = (value ?? outside) * slice[i][j];
        sum += made;
        if (c !== channel) return;
        const box = boxes[i * columns.length + j];
        const [pixel, product] = box.querySelectorAll("span, b");
        pixel.textContent = `${number(value ?? 0)} ×`;
        product.textContent = isPooling ? number(made) : `= ${number(made)}`;
        product.className = kind === "max" && made === result ? "most" : "";
        box.classList.toggle("outside", value === undefined);
      });
    });
    return sum;
  });
  const [what, answer] = stepper.view.querySelectorAll(".sum > span, .sum > b");
  const sum = sums.reduce((/** @type {number} */ total, /** @type {number} */ n) => total + n, 0);
  const count = boxes.length * sums.length;
  const where = `Row ${stepper.row}, column ${stepper.column} of the output`;
  answer.textContent = `= ${number(result)}`;
  if (isPooling) {
    what.textContent =
      kind === "max" ? `largest of ${count}` : `sum ${number(sum)}, divided by ${count}`;
    return `${where}: the ${kind === "max" ? "largest" : "mean"} of ${count} numbers is ${number(result)}.`;
  }
  what.textContent = `sum of ${count} products ${number(sum)}`;
  if (sums.length > 1)
    what.textContent = `channels: ${sums.map(number).join(" + ").replaceAll("+ −", "− ")} = ${number(sum)}`;
  const added = bias ? `, and with the bias of ${number(bias)} make ${number(result)}` : "";
  return `${where}: the ${count} products add up to ${number(sum)}${added}.`;
}

/**
 * Show a matrix, with its padding, and room for frames over it.
 *
 * @type {(host: Element, svg: SVGSVGElement, matrix: number[][], padding: number) => void}
 */
export function paint(host, svg, matrix, p) {
  const [h, w] = [matrix.length, matrix[0].length];
  const size = (/** @type {number} */ more) =>
    `x="${-more}" y="${-more}" width="${w + 2 * more}" height="${h + 2 * more}"`;
  svg.setAttribute("viewBox", `${-p} ${-p} ${w + 2 * p} ${h + 2 * p}`);
  svg.innerHTML =
    `<image ${size(0)} href="${picture(host, matrix)}"/><rect class="edge" ${size(0)}/>` +
    `${p ? `<rect class="padding" ${size(p)}/>` : ""}<path class="veil"/><g></g>`;
}

/** Return a picture of a matrix: grey, or red above zero and blue below where some lie below. */
export function picture(/** @type {Element} */ host, /** @type {number[][]} */ matrix) {
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

/**
 * Frame pixels, as one where they lie side by side, and veil what comes after them if it is not made.
 *
 * @type {(svg: SVGSVGElement, kind: string, rows: number[], columns: number[], isMade?: boolean) => void}
 */
export function frame(svg, kind, rows, columns, isMade = true) {
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
