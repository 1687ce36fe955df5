/**
 * int8 depthwise convolution with SIMD: eight channels at a time, in two halves. i32x4.dot_i16x8_s multiplies two taps of
 * four channels, one below the other in the kernel. Lines of the image are copied in pairs, with their padding (zeros), as
 * x - zero in 16 bits, as many pairs as fit; a place is a position of four channels:
 *
 *      line 0   a b c ..    place 0          place 1
 *      line 1   d e f ..    a0 d0 .. a3 d3   b0 e0 .. b3 e3   ..    16 bytes
 *
 * With a stride of n, every n-th position of a line lies side by side (a plane), so that neighbours of an output are
 * neighbours for all. Weights lie likewise, with zeros above or below: once for outputs whose kernel begins with the upper
 * line of a pair, once for those where it is the lower one. Four neighbours of the output are done at a time, three taps
 * beside each other at a time where there are so many, each place loaded once for them:
 *
 *      places   p0  p1  p2  p3  p4  p5         output 0: p0 u + p1 v + p2 w      output 2: p2 u + p3 v + p4 w
 *      taps     u   v   w                      output 1: p1 u + p2 v + p3 w      output 3: p3 u + p4 v + p5 w
 *
 * Lists have where each three, and then each single tap, begin, and where the two weights of a tap are.
 */
import { Geometry } from './geometry';
import { eight_constants, Four, LIMITS, Quantised, write_limits } from './int8';

/** Bytes of a place. */
const PLACE: i32 = 16;
/** Starts and factors of eight channels; eight zero points: a place outside of the image; eight zeros: no weights. */
const FACTORS: usize = 32;
const OUTSIDE: usize = 64;
const NOTHING: i32 = 72;
const CONSTANTS: i32 = 80;
/** Bytes of lines, if that is enough for a line of the output. */
const BAND_BYTES: i32 = 16384;

/** Pairs of lines that an output reads. */
function pairs_of(g: Geometry): i32 {
  return (g.kernelH + 1 + (g.strideH & 1)) >> 1;
}

/** Bytes of the weights of four channels. */
function weight_bytes(g: Geometry): i32 {
  return pairs_of(g) * g.kernelW * PLACE;
}

/** Bytes of a plane of a pair of lines: four channels, every position that is a multiple of the stride from its first. */
function plane_bytes(g: Geometry): i32 {
  return (g.outW + (g.kernelW - 1) / g.strideW) * PLACE;
}

function line_bytes(g: Geometry): i32 {
  return plane_bytes(g) * g.strideW;
}

/** Pairs of lines of the image, and those copied at a time. */
function all_pairs(g: Geometry): i32 {
  return (((g.outH - 1) * g.strideH) >> 1) + pairs_of(g);
}

function band_pairs(g: Geometry): i32 {
  return min(max(BAND_BYTES / (2 * line_bytes(g)), pairs_of(g)), all_pairs(g));
}

/** Of the layer that runs: bytes as above, how many are copied at a time, and taps in the lists, of these in threes. */
let planeBytes: i32 = 0;
let lineBytes: i32 = 0;
let weightBytes: i32 = 0;
let band: i32 = 0;
let taps: i32 = 0;
let threes: i32 = 0;

/** Bytes of scratch: constants, lists, weights, lines; and the places that fill a tile. */
export function int8_depthwise_scratch(g: Geometry): i32 {
  if (!ASC_FEATURE_SIMD || g.inC < 8) return max(g.inC, 4) * 8;
  return CONSTANTS + 6 * weight_bytes(g) + 2 * band_pairs(g) * line_bytes(g) + 3 * PLACE;
}

/** Eight channels or more; the last eight may have been done before in part. */
// biome-ignore format: one matrix a line
export function int8_depthwise_eights(
  out: usize, x: usize, w: usize, b: usize, scales: usize, scratch: usize, g: Geometry, q: Quantised,
): void {
  const C = g.inC;
  v128.store(scratch, i8x16.splat(<i8>q.xZero), OUTSIDE);
  store<i64>(scratch + NOTHING, 0);
  write_limits(q);
  planeBytes = plane_bytes(g);
  lineBytes = line_bytes(g);
  weightBytes = weight_bytes(g);
  band = band_pairs(g);
  threes = list(3, 0, scratch, g);
  taps = list(1, threes, scratch, g);
  for (let c = 0; c < C; c += 8) {
    const at = min(c, C - 8);
    eight_constants(scratch, b + (at << 2), scales + (at << 2), g.kernelH * g.kernelW, q);
    eight(out + at, x + at, w + at, scratch, g);
  }
}

/** Two times eight numbers, one beside the other: four channels each to two places. */
class Pair {
  @inline
  static store(to: usize, half: usize, a: v128, b: v128): void {
    v128.store(to, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(to + half, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15));
  }
}

/** Lists taps, `size` of them beside each other, from tap t on; returns how many are in the lists then. */
function list(size: i32, t: i32, scratch: usize, g: Geometry): i32 {
  const step = g.strideW;
  const row = g.kernelW * g.inC;
  for (let p = 0; p < pairs_of(g); p++) {
    for (let plane = 0; plane < min(step, g.kernelW); plane++) {
      const all = (g.kernelW - plane + step - 1) / step;
      const inThrees = all - (all % 3);
      for (let i = size == 3 ? 0 : inThrees; i < (size == 3 ? inThrees : all); i++) {
        const offsets = scratch + CONSTANTS + (t << 2);
        store<i32>(offsets, p * lineBytes + plane * planeBytes + i * PLACE);
        // Begins with the upper line of the first pair (p), or the lower one.
        const at = sources_of(scratch) + (t << 3);
        const tap = 2 * p * row + (plane + i * step) * g.inC;
        store<i32>(at, 2 * p < g.kernelH ? tap : -1);
        store<i32>(at, 2 * p + 1 < g.kernelH ? tap + row : -1, 4);
        store<i32>(at + (weightBytes >> 1), p ? tap - row : -1);
        store<i32>(at + (weightBytes >> 1), 2 * p < g.kernelH ? tap : -1, 4);
        t++;
      }
    }
  }
  return t;
}

function sources_of(scratch: usize): usize {
  return scratch + CONSTANTS + (weightBytes >> 2);
}

/** Writes the weights of eight channels by their list. */
function weigh(to: usize, half: i32, w: usize, from: usize, nothing: usize): void {
  for (let variant = 0; variant < 2; variant++) {
    for (const end = to + half; to < end; to += PLACE) {
      const a = load<i32>(from);
      const b = load<i32>(from, 4);
      from += 8;
      Pair.store(to, half, v128.load_ext<i8>(a < 0 ? nothing : w + a), v128.load_ext<i8>(b < 0 ? nothing : w + b));
    }
    to += half;
  }
}

/** Copies the image's lines iy and iy + 1 as a pair. */
function copy_pair(to: usize, half: usize, x: usize, iy: i32, outside: usize, g: Geometry): void {
  const C = g.inC;
  const row = x + iy * g.inW * C;
  // A line outside of the image is one place, again and again.
  const above = <u32>iy < <u32>g.inH;
  const below = <u32>(iy + 1) < <u32>g.inH;
  const zeros = v128.load_ext<i8>(outside);
  const step = g.strideW;
  const aStep = above ? step * C : 0;
  const bStep = below ? step * C : 0;
  const end = to + lineBytes;
  for (let ix = -g.padLeft; to < end; ix++) {
    const next = to + planeBytes;
    // The first position of the plane that is inside of the image, and the last.
    let inside = ix;
    for (; inside < 0; inside += step, to += PLACE) pad(to, half);
    let a = above ? row + inside * C : outside;
    let b = below ? row + (inside + g.inW) * C : outside;
    let count = g.inW - inside;
    if (step > 1) count = (count + step - 1) / step;
    for (const stop = min(next, to + count * PLACE); to < stop; to += PLACE) {
      Pair.store(to, half, i16x8.sub(v128.load_ext<i8>(a), zeros), i16x8.sub(v128.load_ext<i8>(b), zeros));
      a += aStep;
      b += bStep;
    }
    for (; to < next; to += PLACE) pad(to, half);
  }
}

/** A place outside of the image. */
function pad(to: usize, half: usize): void {
  v128.store(to, i16x8.splat(0));
  v128.store(to + half, i16x8.splat(0));
}

/** All outputs of eight channels. */
function eight(out: usize, x: usize, w: usize, scratch: usize, g: Geometry): void {
  const pairs = pairs_of(g);
  const half = weightBytes;
  const offsets = scratch + CONSTANTS;
  const weights = offsets + 2 * half;
  const lines = weights + 4 * half;
  weigh(weights, half, w, sources_of(scratch), scratch + NOTHING);
  let first = 0;
  let copied = 0;
  for (let oy = 0; oy < g.outH; oy++) {
    const top = oy * g.strideH;
    const pair = top >> 1;
    if (pair + pairs > copied) {
      first = pair;
      copied = min(pair + band, all_pairs(g));
      for (let p = first; p < copied; p++)
        copy_pair(lines + (p - first) * lineBytes, band * lineBytes, x, 2 * p - g.padTop, scratch + OUTSIDE, g);
    }
    const from = lines + (pair - first) * lineBytes;
    const own = weights + (top & 1) * 2 * half;
    line(out, from, offsets, own, scratch, g);
    line(out + 4, from + band * lineBytes, offsets, own + half, scratch + 16, g);
    out += g.outW * g.outC;
  }
}

/** A line of the output, four channels. */
function line(out: usize, x: usize, offsets: usize, weights: usize, constants: usize, g: Geometry): void {
  const C = g.outC;
  const singles = offsets + (threes << 2);
  const end = offsets + (taps << 2);
  const start = v128.load(constants);
  const factor = v128.load(constants, FACTORS);
  for (let n = g.outW; n > 0; n -= 4) {
    let a = start;
    let b = start;
    let c = start;
    let d = start;
    let w = weights;
    let at = offsets;
    while (at < singles) {
      const s = x + load<u32>(at);
      at += 12;
      const t = v128.load(w);
      const u = v128.load(w, 16);
      const v = v128.load(w, 32);
      w += 48;
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(s), t));
      let p = v128.load(s, 16);
      a = i32x4.add(a, i32x4.dot_i16x8_s(p, u));
      b = i32x4.add(b, i32x4.dot_i16x8_s(p, t));
      p = v128.load(s, 32);
      a = i32x4.add(a, i32x4.dot_i16x8_s(p, v));
      b = i32x4.add(b, i32x4.dot_i16x8_s(p, u));
      c = i32x4.add(c, i32x4.dot_i16x8_s(p, t));
      p = v128.load(s, 48);
      b = i32x4.add(b, i32x4.dot_i16x8_s(p, v));
      c = i32x4.add(c, i32x4.dot_i16x8_s(p, u));
      d = i32x4.add(d, i32x4.dot_i16x8_s(p, t));
      p = v128.load(s, 64);
      c = i32x4.add(c, i32x4.dot_i16x8_s(p, v));
      d = i32x4.add(d, i32x4.dot_i16x8_s(p, u));
      d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load(s, 80), v));
    }
    while (at < end) {
      const s = x + load<u32>(at);
      at += 4;
      const t = v128.load(w);
      w += 16;
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(s), t));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(s, 16), t));
      c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load(s, 32), t));
      d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load(s, 48), t));
    }
    x += 4 * PLACE;
    const low = v128.load(LIMITS);
    const round = v128.load(LIMITS, 16);
    const zero = v128.load(LIMITS, 32);
    a = Four.sum(a, factor, low, round, zero);
    b = Four.sum(b, factor, low, round, zero);
    c = Four.sum(c, factor, low, round, zero);
    d = Four.sum(d, factor, low, round, zero);
    const all = Four.narrow(a, b, c, d, v128.load(LIMITS, 48));
    // An output that doesn't exist lies on the first, which is written last.
    v128.store32_lane(n > 3 ? out + 3 * C : out, all, 3);
    v128.store32_lane(n > 2 ? out + 2 * C : out, all, 2);
    v128.store32_lane(n > 1 ? out + C : out, all, 1);
    v128.store32_lane(out, all, 0);
    out += 4 * C;
  }
}
