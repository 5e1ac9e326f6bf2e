// Reads tensors from a file in the format safetensors: the length of its head in eight bytes, the
// head as JSON, which names each tensor, its kind, shape and place, and then their numbers.

/** @typedef {{ shape: number[], data: Float32Array | Uint8Array }} Tensor */
/** @typedef {{ tensors: Map<string, Tensor>, metadata: Record<string, string> }} Contents */

const VERSION = "1"; // of what these files hold
const POWERS = Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 25));

/**
 * Return the tensors of a file, which may be packed by gzip; raise a sentence if it is of no use.
 *
 * @param {Response | Promise<Response>} response what `fetch` returns
 * @returns {Promise<Contents>}
 */
export async function read(response) {
  /** @type {Response} */
  let answer;
  let bytes;
  try {
    answer = await response;
    bytes = new Uint8Array(await answer.arrayBuffer());
  } catch {
    throw new Error("The numbers did not arrive: the connection may be lost.");
  }
  const name = answer.url.split("/").at(-1) || "the file";
  if (!answer.ok) throw new Error(`${name} is missing.`);
  /** @type {Contents} */
  let contents;
  try {
    contents = parse(await unpack(bytes));
  } catch {
    throw new Error(`${name} is damaged, or did not arrive whole.`);
  }
  const version = contents.metadata.format_version;
  if (version !== VERSION)
    throw new Error(`${name} is of version ${version}, not ${VERSION}: load the page again.`);
  for (const [tensor, { data }] of contents.tensors)
    if (!data.every(Number.isFinite))
      throw new Error(`${name} is damaged: not all numbers of ${tensor} are finite.`);
  return contents;
}

/** @type {(bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>} */
async function unpack(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes; // or the browser has done it
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @type {(bytes: Uint8Array) => Contents} */
function parse(bytes) {
  const view = new DataView(bytes.buffer);
  const start = 8 + Number(view.getBigUint64(0, true)); // of the numbers
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const { __metadata__: metadata = {}, ...kept } = head;
  const tensors = new Map();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(kept)) {
    const [from, to] = offsets.map((/** @type {number} */ offset) => start + offset);
    const count = shape.reduce((/** @type {number} */ all, /** @type {number} */ n) => all * n, 1);
    if (bytes.length < to || to - from !== count * (dtype === "F16" ? 2 : 1)) throw new Error();
    /** @type {Uint8Array | Float32Array} */
    let data = bytes.slice(from, to);
    if (dtype === "F16") {
      data = new Float32Array(count);
      for (let i = 0; i < count; i++) data[i] = fromHalf(view.getUint16(from + 2 * i, true));
    }
    tensors.set(name, { shape, data });
  }
  return { tensors, metadata };
}

/** Return a number of 16 bits: a sign, 5 bits of exponent, 10 of fraction. */
function fromHalf(/** @type {number} */ bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * POWERS[1];
  return sign * (1024 + fraction) * POWERS[exponent];
}
