import type { ImageInput, RawImage } from './types.js';

/**
 * Pictures to tensors. Resizing repeats Pillow's `Image.resize(size, BILINEAR)` bit for bit (horizontal pass, then
 * vertical, each with an 8-bit result, 22-bit fixed-point weights; Pillow 13 swaps the passes for tall pictures), so that
 * what a network was trained on with torchvision is what it sees here.
 * Only +, -, *, /, floor and integer operations are used: every JavaScript engine gives the same bits.
 */

const PRECISION = 22;

/** Source range and fixed-point weights of each output pixel along one axis. */
interface Taps {
  first: Int32Array;
  count: Int32Array;
  weights: Int32Array;
  stride: number;
}

/** The triangle filter, widened by the scale where the axis shrinks; half-pixel centres. */
function triangle(from: number, to: number): Taps {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const stride = Math.floor(support) * 2 + 3;
  const taps = { first: new Int32Array(to), count: new Int32Array(to), weights: new Int32Array(to * stride), stride };
  const row = new Float64Array(stride);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5));
    const count = Math.min(from, Math.floor(centre + support + 0.5)) - first;
    let sum = 0;
    for (let j = 0; j < count; j++) {
      const w = Math.max(0, 1 - Math.abs((first + j - centre + 0.5) * (1 / support)));
      row[j] = w;
      sum += w;
    }
    taps.first[i] = first;
    taps.count[i] = count;
    for (let j = 0; j < count; j++) {
      taps.weights[i * stride + j] = Math.floor(0.5 + (row[j]! / sum) * (1 << PRECISION));
    }
  }
  return taps;
}

/** One pass: `lines` lines of `to` outputs; `step` bytes between neighbours along the axis, `pitch` between lines. */
function pass(
  src: Uint8Array,
  dst: Uint8Array,
  taps: Taps,
  shape: {
    lines: number;
    to: number;
    channels: number;
    srcStep: number;
    srcPitch: number;
    dstStep: number;
    dstPitch: number;
  },
): void {
  const { lines, to, channels, srcStep, srcPitch, dstStep, dstPitch } = shape;
  for (let i = 0; i < to; i++) {
    const count = taps.count[i]!;
    const w = i * taps.stride;
    for (let line = 0; line < lines; line++) {
      const from = line * srcPitch + taps.first[i]! * srcStep;
      const at = line * dstPitch + i * dstStep;
      for (let c = 0; c < channels; c++) {
        let sum = 1 << (PRECISION - 1);
        for (let j = 0; j < count; j++) sum += src[from + j * srcStep + c]! * taps.weights[w + j]!;
        dst[at + c] = Math.min(255, sum >> PRECISION);
      }
    }
  }
}

function resize(src: Uint8Array, width: number, height: number, channels: number, w: number, h: number): Uint8Array {
  let data = src;
  if (w !== width) {
    const dst = new Uint8Array(w * height * channels);
    const shape = { lines: height, to: w, channels, srcStep: channels, srcPitch: width * channels };
    pass(data, dst, triangle(width, w), { ...shape, dstStep: channels, dstPitch: w * channels });
    data = dst;
  }
  if (h !== height) {
    const dst = new Uint8Array(w * h * channels);
    const shape = { lines: w, to: h, channels, srcStep: w * channels, srcPitch: channels };
    pass(data, dst, triangle(height, h), { ...shape, dstStep: w * channels, dstPitch: channels });
    data = dst;
  }
  return data;
}

/** Checks a picture and says how many bytes a pixel has: 1, 3 or 4. */
function bytesPerPixel(image: RawImage): number {
  const { data, width, height } = (image ?? {}) as RawImage;
  if (!(data instanceof Uint8Array) && !(data instanceof Uint8ClampedArray)) {
    throw new TypeError('image: expected { data, width, height } with bytes in data, or a Float32Array');
  }
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new RangeError(`image: width and height must be positive integers, got ${width} x ${height}`);
  }
  const bytes = data.length / (width * height);
  if (bytes !== 1 && bytes !== 3 && bytes !== 4) {
    const n = width * height;
    throw new RangeError(
      `image: ${width} x ${height} needs ${n * 3} bytes (RGB), ${n * 4} (RGBA) or ${n} (grey), got ${data.length}`,
    );
  }
  return bytes;
}

/** Bytes with the channels that the model wants: alpha over white, luma for one channel, grey repeated for three. */
function convert(image: RawImage, channels: number): Uint8Array {
  const bytes = bytesPerPixel(image);
  const { data } = image;
  if (bytes === channels) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  const n = image.width * image.height;
  const out = new Uint8Array(n * channels);
  for (let i = 0; i < n; i++) {
    let r = data[i * bytes]!;
    let g = bytes === 1 ? r : data[i * bytes + 1]!;
    let b = bytes === 1 ? r : data[i * bytes + 2]!;
    if (bytes === 4) {
      const a = data[i * bytes + 3]!;
      const white = 255 * (255 - a) + 127;
      r = Math.floor((r * a + white) / 255);
      g = Math.floor((g * a + white) / 255);
      b = Math.floor((b * a + white) / 255);
    }
    if (channels === 1) {
      // ITU-R 601 luma in 16-bit fixed point, as Pillow has it; grey stays what it was.
      out[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    } else {
      out[i * channels] = r;
      out[i * channels + 1] = g;
      out[i * channels + 2] = b;
      if (channels === 4) out[i * channels + 3] = 255;
    }
  }
  return out;
}

/**
 * The picture in the model's size and channels, still as bytes. `toTensor` of the result equals `toTensor` of the
 * original bit for bit, so large pictures can be let go of early.
 */
export function toBytes(image: RawImage, input: readonly [number, number, number]): RawImage {
  const [h, w, c] = input;
  if (c !== 1 && c !== 3 && c !== 4) {
    throw new RangeError(`image: the model takes ${c} channels; give it preprocessed tensors (Float32Array)`);
  }
  const data = resize(convert(image, c), image.width, image.height, c, w, h);
  return { data, width: w, height: h };
}

/**
 * What the network reads: h·w·c floats, NHWC, value = (pixel / 255 - mean) / std. The whole picture is squashed to h x w.
 * A Float32Array is taken as preprocessed and only checked.
 */
export function toTensor(
  image: ImageInput,
  input: readonly [number, number, number],
  mean: ArrayLike<number>,
  std: ArrayLike<number>,
): Float32Array {
  const [h, w, c] = input;
  const size = h * w * c;
  if (image instanceof Float32Array) {
    if (image.length !== size) {
      throw new RangeError(
        `image: a tensor for this model has ${h} x ${w} x ${c} = ${size} values, got ${image.length}`,
      );
    }
    for (let i = 0; i < size; i++) {
      if (!Number.isFinite(image[i])) throw new RangeError(`image: value ${i} of the tensor is ${image[i]}`);
    }
    return image;
  }
  const { data } = toBytes(image, input);
  const table = new Float32Array(256 * c);
  for (let k = 0; k < c; k++) {
    for (let p = 0; p < 256; p++) table[k * 256 + p] = (p / 255 - mean[k]!) / std[k]!;
  }
  const out = new Float32Array(size);
  for (let i = 0, k = 0; i < size; i++) {
    out[i] = table[k * 256 + data[i]!]!;
    k = k + 1 === c ? 0 : k + 1;
  }
  return out;
}
