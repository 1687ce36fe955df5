/**
 * int8 depthwise convolution with SIMD: eight channels at a time, over the whole image. i32x4.dot_i16x8_s multiplies two
 * taps of four channels, one below the other in the kernel. The rows of the image are copied in pairs, with their padding,
 * each number of 16 bits beside that of the row below:
 *
 *      row 0   a b c ..    position 0                position 1
 *      row 1   d e f ..    a0 d0 a1 d1 ... a7 d7     b0 e0 b1 e1 ... b7 e7   ...    32 bytes a position, channels 0 to 7
 *
 * Weights lie likewise; below the last row of an odd kernel lie zeros. Then every tap of every output is two loads, and the
 * padding is no special case. Lines of pairs stay in a ring while rows of outputs need them: with a stride of 1, each row of
 * outputs needs one new line.
 */
import { Geometry } from './geometry';
import { Four, factor_of, Quantised, start_of } from './int8';

/** Bytes of a position. */
const PLACE: i32 = 32;
/** Starts and factors of eight channels, and a place outside of the image: eight zero points. */
const CONSTANTS: i32 = 80;
const OUTSIDE: i32 = 64;
/** No row of an image. */
const NONE: i32 = i32.MIN_VALUE;

function pairs_of(g: Geometry): i32 {
  return (g.kernelH + 1) >> 1;
}

/** Positions of a row of the image that outputs read, padding included. */
function positions(g: Geometry): i32 {
  return (g.outW - 1) * g.strideW + g.kernelW;
}

/** Lines of the ring: the pairs of one row of outputs and, where the next row needs others in between, theirs. */
function lines_of(g: Geometry): i32 {
  return g.strideH & 1 ? 2 * pairs_of(g) : pairs_of(g);
}

/** Bytes of scratch: constants, weights, the ring and, of each of its lines, which row it has. */
export function int8_depthwise_scratch(g: Geometry): i32 {
  if (!ASC_FEATURE_SIMD || g.inC < 8) return max(g.inC, 4) * 8;
  return CONSTANTS + (pairs_of(g) * g.kernelW + lines_of(g) * positions(g)) * PLACE + lines_of(g) * 4;
}

/** Eight channels or more; the last eight may have been done before in part. */
// biome-ignore format: one matrix a line
export function int8_depthwise_eights(
  out: usize, x: usize, w: usize, b: usize, scales: usize, scratch: usize, g: Geometry, q: Quantised,
): void {
  const C = g.inC;
  for (let c = 0; c < C; c += 8) {
    const at = min(c, C - 8);
    constants(scratch, w + at, b + (at << 2), scales + (at << 2), g, q);
    eight(out + at, x + at, scratch, g, q);
  }
}

/** Interleaves two times eight numbers and writes them. */
class Pair {
  @inline
  static store(to: usize, a: v128, b: v128): void {
    v128.store(to, i8x16.shuffle(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23));
    v128.store(to, i8x16.shuffle(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31), 16);
  }
}

/** Starts, factors and pairs of weights of eight channels. */
function constants(scratch: usize, w: usize, b: usize, scales: usize, g: Geometry, q: Quantised): void {
  const C = g.inC;
  const area = g.kernelH * g.kernelW;
  let to = scratch + CONSTANTS;
  const ones = i16x8.splat(1);
  let first = i32x4.splat(0);
  let second = first;
  for (let ky = 0; ky < g.kernelH; ky += 2) {
    for (let kx = 0; kx < g.kernelW; kx++) {
      const at = w + (ky * g.kernelW + kx) * C;
      const below = ky + 1 < g.kernelH ? v128.load_ext<i8>(at + g.kernelW * C) : i16x8.splat(0);
      Pair.store(to, v128.load_ext<i8>(at), below);
      first = i32x4.add(first, i32x4.dot_i16x8_s(v128.load(to), ones));
      second = i32x4.add(second, i32x4.dot_i16x8_s(v128.load(to, 16), ones));
      to += PLACE;
    }
  }
  // Sums of weights, and then what they are for.
  v128.store(scratch, first);
  v128.store(scratch, second, 16);
  for (let c = 0; c < 8; c++) {
    const at = scratch + (c << 2);
    store<i32>(at, start_of(load<i32>(b + (c << 2)), area) - q.xZero * load<i32>(at));
    store<f32>(at, factor_of(q, load<f32>(scales + (c << 2))), 32);
  }
}

/** Copies the image's rows iy and iy + 1, which begin at x, as a line of pairs. */
function copy_rows(to: usize, x: usize, iy: i32, scratch: usize, g: Geometry): void {
  const C = g.inC;
  const outside = scratch + OUTSIDE;
  // A row outside of the image is one place, again and again.
  let above = outside;
  let below = outside;
  let aStep = 0;
  let bStep = 0;
  if (<u32>iy < <u32>g.inH) {
    above = x;
    aStep = C;
  }
  if (<u32>(iy + 1) < <u32>g.inH) {
    below = x + g.inW * C;
    bStep = C;
  }
  const whole = positions(g);
  const left = min(g.padLeft, whole);
  const inside = min(whole - left, g.inW);
  to = pad(to, left, outside);
  for (let i = inside; i > 0; i--, to += PLACE) {
    Pair.store(to, v128.load_ext<i8>(above), v128.load_ext<i8>(below));
    above += aStep;
    below += bStep;
  }
  pad(to, whole - left - inside, outside);
}

/** Padding at the side of a line; returns where it ends. */
function pad(to: usize, n: i32, outside: usize): usize {
  for (; n > 0; n--, to += PLACE) {
    const zero = i16x8.splat(<i16>(<i32>load<i8>(outside)));
    v128.store(to, zero);
    v128.store(to, zero, 16);
  }
  return to;
}

/** The line two rows below. */
function next(line: i32, odd: bool, ring: i32): i32 {
  line += odd ? 2 : 1;
  return line >= ring ? line - ring : line;
}

/** All outputs of eight channels. */
function eight(out: usize, x: usize, scratch: usize, g: Geometry, q: Quantised): void {
  const C = g.inC;
  const pairs = pairs_of(g);
  const taps = g.kernelW;
  const pitch = positions(g) * PLACE;
  const lines = scratch + CONSTANTS + pairs * taps * PLACE;
  const ring = lines_of(g);
  const odd = (g.strideH & 1) == 1;
  const rows = lines + ring * pitch;
  for (let i = 0; i < ring; i++) store<i32>(rows + (i << 2), NONE);
  v128.store(scratch, i8x16.splat(<i8>q.xZero), OUTSIDE);
  const low = f32x4.splat(q.low);
  const high = Four.high(q.high, q.zero);
  const zero = Four.zero(q.zero);
  const f0 = v128.load(scratch, 32);
  const f1 = v128.load(scratch, 48);
  const step = g.strideW * PLACE;
  for (let oy = 0; oy < g.outH; oy++) {
    // A line for every row, or every other one where the stride is even.
    const top = oy * g.strideH;
    const begin = (odd ? top : top >> 1) % ring;
    let line = begin;
    for (let p = 0; p < pairs; p++, line = next(line, odd, ring)) {
      const iy = top + 2 * p - g.padTop;
      if (load<i32>(rows + (line << 2)) == iy) continue;
      store<i32>(rows + (line << 2), iy);
      copy_rows(lines + line * pitch, x + iy * g.inW * C, iy, scratch, g);
    }
    for (let ox = 0; ox < g.outW; ox += 4) {
      // A tile that isn't filled repeats its last output.
      const left = g.outW - ox - 1;
      const o1 = min(1, left) * step;
      const o2 = min(2, left) * step;
      const o3 = min(3, left) * step;
      let a0 = v128.load(scratch);
      let b0 = v128.load(scratch, 16);
      let a1 = a0,
        b1 = b0,
        a2 = a0,
        b2 = b0,
        a3 = a0,
        b3 = b0;
      let w = scratch + CONSTANTS;
      let p = pairs;
      line = begin;
      do {
        let s0 = lines + line * pitch + ox * step;
        let s1 = s0 + o1;
        let s2 = s0 + o2;
        let s3 = s0 + o3;
        let k = taps;
        do {
          const u = v128.load(w);
          const v = v128.load(w, 16);
          w += PLACE;
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load(s0), u));
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.load(s0, 16), v));
          s0 += PLACE;
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load(s1), u));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.load(s1, 16), v));
          s1 += PLACE;
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(v128.load(s2), u));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(v128.load(s2, 16), v));
          s2 += PLACE;
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(v128.load(s3), u));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(v128.load(s3, 16), v));
          s3 += PLACE;
        } while (--k);
        line = next(line, odd, ring);
      } while (--p);
      a0 = Four.sum(a0, f0, low, zero);
      b0 = Four.sum(b0, f1, low, zero);
      a1 = Four.sum(a1, f0, low, zero);
      b1 = Four.sum(b1, f1, low, zero);
      a2 = Four.sum(a2, f0, low, zero);
      b2 = Four.sum(b2, f1, low, zero);
      a3 = Four.sum(a3, f0, low, zero);
      b3 = Four.sum(b3, f1, low, zero);
      const one = Four.narrow(a0, b0, a1, b1, high);
      const two = Four.narrow(a2, b2, a3, b3, high);
      v128.store64_lane(out, one, 0);
      v128.store64_lane(out + min(1, left) * C, one, 1);
      v128.store64_lane(out + min(2, left) * C, two, 0);
      v128.store64_lane(out + min(3, left) * C, two, 1);
      out += 4 * C;
    }
    out -= ((g.outW + 3) & -4) * C - g.outW * C;
  }
}
