// What <digit-pad> and its view of the network share.

/** @type {Record<string, number[]>} steps across and down */
export const ARROWS = {
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
};
export const GREY = Uint32Array.from({ length: 256 }, (_, grey) => 0xff000000 | (grey * 0x10101));

/** @type {(name: string, about?: Record<string, any>, ...inside: any[]) => any} an element */
export function make(name, about = {}, ...inside) {
  const element = Object.assign(document.createElement(name), about);
  element.append(...inside);
  return element;
}

/** @type {(canvas: HTMLCanvasElement, grid: import("./strokes.js").Grid) => void} black to white */
export function paint(canvas, { values, height, width }) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = GREY[Math.min(255, 255 * values[i]) | 0];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** @type {(value: number) => string} with three digits that count */
export const written = (value) =>
  (Math.abs(value) < 0.0005 ? "0" : Number(value.toPrecision(3)).toString()).replace("-", "−");
