/**
 * The matrix product of int8 layers, forward: out[i][j] = quantised(start[j] + sum over k of (x[i][k] - zero) * w[j][k]).
 *
 * Rows are pixels, columns output channels. k goes along runs: one, a pixel's channels, or, of a convolution, those of as
 * many neighbours as the kernel is wide, one run for each row of the kernel. As many channels as a tile is wide are done at
 * a time:
 *
 *   scalar  2 x 2   x as it is; what the zero point takes off is in the start: zero * (sum of the weights)
 *   SIMD    4 x 8   x - zero in 16 bits, and the weights of eight channels copied into a panel [k / 2][8][2] i16, with a
 *                   zero behind a run of odd length. i32x4.dot_i16x8_s multiplies two steps of k of four channels with two
 *                   numbers of a row, which one load copies to all lanes:
 *
 *                     row    x0 x1 | x0 x1 | x0 x1 | x0 x1
 *                     panel  w0 w1 | w0 w1 | w0 w1 | w0 w1
 *                   channel    0       1       2       3
 *
 *                   6 loads, 8 products and 8 sums for 64 multiply-adds: with more of them at a time, V8 has not enough
 *                   registers. A tile that isn't filled reads rows that are not, and doesn't write them
 */
import { Byte, eight_constants, Four, factor_of, LIMITS, Quantised, quantise, start_of, write_limits } from './int8';

const COLUMNS: i32 = ASC_FEATURE_SIMD ? 8 : 2;

/** Scratch: starts | factors | a row of a tile | panel. */
const FACTORS: usize = 32;
const EDGE: usize = 64;
const PANEL: usize = 80;

/** What rows a product has, and how they lie: lines of pixels (of the output), and runs of each. */
@unmanaged
export class Rows {
  lines: i32;
  pixels: i32;
  runs: i32;
  /** Numbers of a run. */
  run: i32;
  /** Bytes of x from a line, a pixel, a run to the next. */
  nextLine: i32;
  nextPixel: i32;
  nextRun: i32;
  /** Output channels: bytes of out from a pixel to the next. */
  outC: i32;
}

/** Bytes of scratch that a product with so many runs needs. */
export function int8_gemm_scratch(runs: i32, run: i32): i32 {
  return <i32>PANEL + (ASC_FEATURE_SIMD ? runs * panel_bytes(run) + 96 : 0);
}

/** Bytes of the panel for a run. */
function panel_bytes(run: i32): i32 {
  return ((run + 1) >> 1) << 5;
}

/**
 * The product above. x as `Rows` says, w [count][runs][run], b i32 [count], scales f32 [count], scratch
 * [int8_gemm_scratch(runs, run)].
 */
// biome-ignore format: one matrix a line
export function int8_gemm(
  out: usize, count: i32, x: usize, r: Rows, w: usize, b: usize, scales: usize, q: Quantised, scratch: usize,
): void {
  const depth = r.runs * r.run;
  const second = min(1, count - 1);
  if (ASC_FEATURE_SIMD) write_limits(q);
  for (let j = 0; j < count; j += COLUMNS) {
    // The last of them may have been done before in part; of fewer, the last is there again.
    const at = <usize>max(min(j, count - COLUMNS), 0);
    const row = w + at * <usize>depth;
    let starts = b + (at << 2);
    let factors = scales + (at << 2);
    if (ASC_FEATURE_SIMD) {
      if (count < COLUMNS) {
        memory.copy(scratch, starts, count << 2);
        memory.copy(scratch + FACTORS, factors, count << 2);
        starts = scratch;
        factors = scratch + FACTORS;
      }
      eight_constants(scratch, starts, factors, depth, q);
      pack(scratch + PANEL, row, count - 1, r);
    } else {
      for (let c = 0; c < 8; c += 4) {
        const i = c * second;
        const sum = sum_of(row + <usize>((i >> 2) * depth), depth);
        store<i32>(scratch + c, start_of(load<i32>(starts + i), depth) - q.xZero * sum);
        store<f32>(scratch + c, factor_of(q, load<f32>(factors + i)), FACTORS);
      }
    }
    let to = out + at;
    let from = x;
    for (let n = r.lines; n > 0; n--) {
      if (!ASC_FEATURE_SIMD) tiles_2x2(to, second, from, r, row, second * depth, q, scratch);
      else if (count < COLUMNS) few(to, count, from, r, scratch);
      else tiles_4x8(to, r.outC, r.pixels, from, r, scratch);
      to += r.pixels * r.outC;
      from += r.nextLine;
    }
  }
}

/** Fewer than eight channels: by way of the scratch. */
function few(out: usize, count: i32, x: usize, r: Rows, scratch: usize): void {
  const edge = scratch + EDGE;
  for (let n = r.pixels; n > 0; n--) {
    tiles_4x8(edge, 0, 1, x, r, scratch);
    for (let c = 0; c < count; c++) store<u8>(out + <usize>c, load<u8>(edge + <usize>c));
    out += r.outC;
    x += r.nextPixel;
  }
}

/** Copies eight channels, of which `last` is the last that there is, into the panel. */
function pack(panel: usize, w: usize, last: i32, r: Rows): void {
  const depth = r.runs * r.run;
  for (let j = 0; j < 8; j += 4) {
    let a = w + <usize>(min(j, last) * depth);
    let b = w + <usize>(min(j + 1, last) * depth);
    let c = w + <usize>(min(j + 2, last) * depth);
    let d = w + <usize>(min(j + 3, last) * depth);
    let to = panel + ((<usize>j) << 2);
    for (let n = r.runs; n > 0; n--) {
      let k = r.run;
      const end = to + panel_bytes(k);
      for (; k > 0; k -= 8) {
        const s = v128.load_ext<i8>(a);
        const t = v128.load_ext<i8>(b);
        const u = v128.load_ext<i8>(c);
        const v = v128.load_ext<i8>(d);
        a += 8;
        b += 8;
        c += 8;
        d += 8;
        let left = v128.shuffle<i32>(s, t, 0, 4, 1, 5);
        let right = v128.shuffle<i32>(u, v, 0, 4, 1, 5);
        v128.store(to, v128.shuffle<i64>(left, right, 0, 2));
        v128.store(to, v128.shuffle<i64>(left, right, 1, 3), 32);
        left = v128.shuffle<i32>(s, t, 2, 6, 3, 7);
        right = v128.shuffle<i32>(u, v, 2, 6, 3, 7);
        v128.store(to, v128.shuffle<i64>(left, right, 0, 2), 64);
        v128.store(to, v128.shuffle<i64>(left, right, 1, 3), 96);
        to += 128;
      }
      // What was too much is in the place of the next run.
      a += k;
      b += k;
      c += k;
      d += k;
      to = end;
      if (k & 1) v128.store(to - 32, v128.and(v128.load(to - 32), i32x4.splat(0xffff)));
    }
  }
}

/** Sum of the weights of a channel, without SIMD. */
function sum_of(w: usize, depth: i32): i32 {
  let sum = 0;
  for (; depth >= 4; depth -= 4) {
    const four = load<i32>(w);
    w += 4;
    sum += Byte.at(four, 0) + Byte.at(four, 1) + Byte.at(four, 2) + Byte.at(four, 3);
  }
  for (; depth > 0; depth--) sum += <i32>load<i8>(w++);
  return sum;
}

/**
 * A line times two channels (`next` bytes of weights and `second` outputs apart: 0 and 0 for one), without SIMD: 16 products
 * for 4 loads. A larger tile doesn't fit the 13 registers of a microcontroller.
 */
function tiles_2x2(
  out: usize,
  second: i32,
  x: usize,
  r: Rows,
  w: usize,
  next: i32,
  q: Quantised,
  scratch: usize,
): void {
  const start0 = load<i32>(scratch);
  const start1 = load<i32>(scratch, 4);
  const factor0 = load<f32>(scratch, FACTORS);
  const factor1 = load<f32>(scratch, FACTORS + 4);
  const low = q.low;
  const high = q.high;
  const zero = q.zero;
  const run = r.run;
  const runs = r.runs;
  const jump = r.nextRun - run;
  const nextPixel = r.nextPixel;
  const outC = r.outC;
  for (let rows = r.pixels; rows > 0; rows -= 2) {
    let a0 = x;
    let a1 = rows > 1 ? x + nextPixel : x;
    x = a1 + nextPixel;
    let b = w;
    let c00 = start0;
    let c01 = start1;
    let c10 = start0;
    let c11 = start1;
    let n = runs;
    do {
      const block = b + <usize>(run & ~3);
      while (b < block) {
        const s = load<i32>(b);
        const t = load<i32>(b + next);
        b += 4;
        const u = load<i32>(a0);
        a0 += 4;
        const v = load<i32>(a1);
        a1 += 4;
        c00 += Byte.at(u, 0) * Byte.at(s, 0);
        c01 += Byte.at(u, 0) * Byte.at(t, 0);
        c10 += Byte.at(v, 0) * Byte.at(s, 0);
        c11 += Byte.at(v, 0) * Byte.at(t, 0);
        c00 += Byte.at(u, 1) * Byte.at(s, 1);
        c01 += Byte.at(u, 1) * Byte.at(t, 1);
        c10 += Byte.at(v, 1) * Byte.at(s, 1);
        c11 += Byte.at(v, 1) * Byte.at(t, 1);
        c00 += Byte.at(u, 2) * Byte.at(s, 2);
        c01 += Byte.at(u, 2) * Byte.at(t, 2);
        c10 += Byte.at(v, 2) * Byte.at(s, 2);
        c11 += Byte.at(v, 2) * Byte.at(t, 2);
        c00 += Byte.at(u, 3) * Byte.at(s, 3);
        c01 += Byte.at(u, 3) * Byte.at(t, 3);
        c10 += Byte.at(v, 3) * Byte.at(s, 3);
        c11 += Byte.at(v, 3) * Byte.at(t, 3);
      }
      for (let k = run & 3; k > 0; k--) {
        const s = <i32>load<i8>(b);
        const t = <i32>load<i8>(b + next);
        b++;
        const u = <i32>load<i8>(a0++);
        const v = <i32>load<i8>(a1++);
        c00 += u * s;
        c01 += u * t;
        c10 += v * s;
        c11 += v * t;
      }
      a0 += jump;
      a1 += jump;
    } while (--n);
    // Of one channel, or one pixel, both are the same.
    store<u8>(out, quantise(<f32>c00 * factor0, low, high, zero));
    store<u8>(out + second, quantise(<f32>c01 * factor1, low, high, zero));
    if (rows > 1) out += outC;
    store<u8>(out, quantise(<f32>c10 * factor0, low, high, zero));
    store<u8>(out + second, quantise(<f32>c11 * factor1, low, high, zero));
    out += outC;
  }
}

/** The pixels of a line times the panel, with SIMD. */
function tiles_4x8(out: usize, outC: i32, pixels: i32, x: usize, r: Rows, scratch: usize): void {
  const run = <usize>panel_bytes(r.run);
  const jump = r.nextRun - <i32>(run >> 3);
  const step = r.nextPixel;
  for (; pixels > 0; pixels -= 4) {
    let a0 = x;
    let a1 = a0 + step;
    let a2 = a1 + step;
    let a3 = a2 + step;
    x = a3 + step;
    let c00 = v128.load(scratch);
    let c01 = v128.load(scratch, 16);
    let c10 = c00;
    let c11 = c01;
    let c20 = c00;
    let c21 = c01;
    let c30 = c00;
    let c31 = c01;
    let b = scratch + PANEL;
    let n = r.runs;
    while (true) {
      const end = b + run;
      do {
        const t0 = v128.load(b);
        const t1 = v128.load(b, 16);
        let s = v128.load32_splat(a0);
        c00 = i32x4.add(c00, i32x4.dot_i16x8_s(s, t0));
        c01 = i32x4.add(c01, i32x4.dot_i16x8_s(s, t1));
        s = v128.load32_splat(a1);
        c10 = i32x4.add(c10, i32x4.dot_i16x8_s(s, t0));
        c11 = i32x4.add(c11, i32x4.dot_i16x8_s(s, t1));
        s = v128.load32_splat(a2);
        c20 = i32x4.add(c20, i32x4.dot_i16x8_s(s, t0));
        c21 = i32x4.add(c21, i32x4.dot_i16x8_s(s, t1));
        s = v128.load32_splat(a3);
        c30 = i32x4.add(c30, i32x4.dot_i16x8_s(s, t0));
        c31 = i32x4.add(c31, i32x4.dot_i16x8_s(s, t1));
        a0 += 4;
        a1 += 4;
        a2 += 4;
        a3 += 4;
        b += 32;
      } while (b < end);
      if (--n == 0) break;
      a0 += jump;
      a1 += jump;
      a2 += jump;
      a3 += jump;
    }
    const low = v128.load(LIMITS);
    const round = v128.load(LIMITS, 16);
    const zero = v128.load(LIMITS, 32);
    const f0 = v128.load(scratch, FACTORS);
    const f1 = v128.load(scratch, FACTORS + 16);
    c00 = Four.sum(c00, f0, low, round, zero);
    c01 = Four.sum(c01, f1, low, round, zero);
    c10 = Four.sum(c10, f0, low, round, zero);
    c11 = Four.sum(c11, f1, low, round, zero);
    c20 = Four.sum(c20, f0, low, round, zero);
    c21 = Four.sum(c21, f1, low, round, zero);
    c30 = Four.sum(c30, f0, low, round, zero);
    c31 = Four.sum(c31, f1, low, round, zero);
    const high = v128.load(LIMITS, 48);
    const top = Four.narrow(c00, c01, c10, c11, high);
    const bottom = Four.narrow(c20, c21, c30, c31, high);
    // A pixel that doesn't exist lies on the first, which is written last.
    v128.store64_lane(pixels > 3 ? out + 3 * outC : out, bottom, 1);
    v128.store64_lane(pixels > 2 ? out + 2 * outC : out, bottom, 0);
    v128.store64_lane(pixels > 1 ? out + outC : out, top, 1);
    v128.store64_lane(out, top, 0);
    out += 4 * outC;
  }
}
