/**
 * Augmentation of one image: crop, mirror, brightness and contrast. Every random quantity is one counter of the
 * sample's stream (random.ts), drawn whether it is used or not, so that an option never changes another's draw.
 */
import { dequantise_all, quantise_all } from './int8';
import { Lanes } from './math';
import { uniform } from './random';

/** Counters of the stream. */
const AREA: u32 = 0;
const TOP: u32 = 1;
const LEFT: u32 = 2;
const FLIP: u32 = 3;
const BRIGHTNESS: u32 = 4;
const CONTRAST: u32 = 5;

/**
 * crop: a window of an area share uniform in [0.7, 1), the same share of height and width, at a uniform position,
 *       resized to the whole bilinearly (half-pixel centres, clamped at the image's edge).
 * flip: mirrored with probability 1/2 (1), or always (2).
 * light: brightness (a factor on every pixel) and contrast (a factor on the distance from the image's mean over all
 *       channels), each uniform in [0.8, 1.2), clamped to [0, 1] where a pixel is 0 to 1; not where c > 4.
 * With none of them out = x. out and x do not overlap.
 * out, x: [h][w][c], normalised: (pixel - mean) / std; mean, std: [c], not read without light
 * They are floats or, with room for three rows of floats (`rows`), of 8 bits with this scale and zero point.
 */
export function augment(
  out: usize,
  x: usize,
  h: i32,
  w: i32,
  c: i32,
  mean: usize,
  std: usize,
  seed: u32,
  stream: u32,
  crop: bool,
  flip: i32,
  light: bool,
  rows: usize,
  scale: f32,
  zero: i32,
): void {
  const side: f32 = crop ? sqrt<f32>(0.7 + 0.3 * uniform(seed, stream, AREA)) : 1;
  const top = (<f32>1 - side) * <f32>h * uniform(seed, stream, TOP);
  const left = (<f32>1 - side) * <f32>w * uniform(seed, stream, LEFT);
  const mirrored = flip > 1 || (flip && uniform(seed, stream, FLIP) < 0.5);
  const sum = resample(out, x, h, w, c, std, top, left, side, mirrored, rows, scale, zero);
  if (light && c <= 4) {
    const brightness: f32 = 0.8 + 0.4 * uniform(seed, stream, BRIGHTNESS);
    const contrast: f32 = 0.8 + 0.4 * uniform(seed, stream, CONTRAST);
    relight(out, h, w, c, mean, std, sum, brightness, contrast, rows, scale, zero);
  }
}

/**
 * The window of `side` times the image's sides at (top, left), resized to the whole; columns reversed if mirrored. With
 * side 1 at (0, 0) every value passes unchanged. Returns the sum of std * out.
 */
// biome-ignore format: one image a line
function resample(
  out: usize, x: usize, h: i32, w: i32, c: i32, std: usize,
  top: f32, left: f32, side: f32, mirrored: bool,
  rows: usize, scale: f32, zero: i32,
): f32 {
  const pixel = c << 2;
  const n = w * c;
  let total: f32 = 0;
  for (let oy = 0; oy < h; oy++) {
    // Without a crop the coordinate is oy exactly, the fraction 0, and every value passes unchanged.
    const y = clamp(top + (<f32>oy + 0.5) * side - 0.5, h);
    const y0 = <i32>y;
    const fy = y - <f32>y0;
    const y1 = min(y0 + 1, h - 1);
    let row0 = x + y0 * w * pixel;
    let row1 = x + y1 * w * pixel;
    let line = out + oy * w * pixel;
    if (rows) {
      row0 = rows;
      row1 = rows + n * 4;
      line = rows + n * 8;
      dequantise_all(row0, x + y0 * n, n, scale, zero);
      dequantise_all(row1, x + y1 * n, n, scale, zero);
    }
    // Summed by rows: the rounding error grows with h + w, not with h * w.
    let sum: f32 = 0;
    for (let ox = 0; ox < w; ox++) {
      const column = clamp(left + (<f32>ox + 0.5) * side - 0.5, w);
      const x0 = <i32>column;
      const fx = column - <f32>x0;
      const at0 = x0 * pixel;
      const at1 = min(x0 + 1, w - 1) * pixel;
      const to = line + (mirrored ? w - 1 - ox : ox) * pixel;
      for (let k = 0; k < pixel; k += 4) {
        const upper = Line.between(load<f32>(row0 + at0 + k), load<f32>(row0 + at1 + k), fx);
        const lower = Line.between(load<f32>(row1 + at0 + k), load<f32>(row1 + at1 + k), fx);
        const value = Line.between(upper, lower, fy);
        store<f32>(to + k, value);
        sum += value * load<f32>(std + k);
      }
    }
    total += sum;
    if (rows) quantise_all(out + oy * n, line, n, scale, zero);
  }
  return total;
}

/** A coordinate brought into [0, size - 1]. */
function clamp(coordinate: f32, size: i32): f32 {
  const last = <f32>(size - 1);
  return coordinate > 0 ? (coordinate < last ? coordinate : last) : 0;
}

class Line {
  /** Linear interpolation, a at 0 exactly. */
  @inline
  static between(a: f32, b: f32, share: f32): f32 {
    return a + (b - a) * share;
  }
}

/**
 * Brightness, then contrast, in place: of a pixel p = x * std + mean, ((p * brightness - centre) * contrast + centre) in
 * [0, 1], normalised again. `sum`: of std * x.
 */
// biome-ignore format: one image a line
function relight(
  image: usize, h: i32, w: i32, c: i32, mean: usize, std: usize, sum: f32,
  brightness: f32, contrast: f32,
  rows: usize, scale: f32, zero: i32,
): void {
  const pixel = c << 2;
  const n = w * c;
  const area = <f32>(h * w);
  const factor = brightness * contrast;
  for (let k = 0; k < pixel; k += 4) sum += load<f32>(mean + k) * area;
  const centre = (brightness * sum) / (area * <f32>c);
  for (let y = 0; y < h; y++) {
    const at = rows ? rows : image + y * w * pixel;
    if (rows) dequantise_all(at, image + y * n, n, scale, zero);
    for (let k = 0; k < pixel; k += 4) {
      const deviation = load<f32>(std + k);
      const low = -load<f32>(mean + k) / deviation;
      const high = low + <f32>1 / deviation;
      const offset = low + (centre - contrast * centre) / deviation - low * factor;
      for (let i = k; i < w * pixel; i += pixel) {
        store<f32>(at + i, Lanes.clip<f32>(load<f32>(at + i) * factor + offset, low, high));
      }
    }
    if (rows) quantise_all(image + y * n, rows, n, scale, zero);
  }
}
