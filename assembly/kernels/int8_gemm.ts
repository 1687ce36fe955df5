/**
 * The matrix product of int8 layers, forward: out[i][j] = quantised(start[j] + sum over k of x[i][k] * w[j][k]).
 *
 * Rows are pixels (or windows), columns output channels; both inputs lie along k. As many channels as a tile is wide
 * are done at a time; with SIMD, they are copied into a panel, in which a tile reads them in sequence:
 *
 *   scalar  1 x 1   no panel: eight numbers along k are one load
 *   SIMD    4 x 8   panel [k / 2][8][2] i16, zeros up to a multiple of 8 of k. i32x4.dot_i16x8_s multiplies two steps of k
 *                   of four channels with two numbers of a row, copied to all lanes:
 *
 *                     row    x0 x1 | x0 x1 | x0 x1 | x0 x1          8 numbers of a row are one load; the last may read
 *                     panel  w0 w1 | w0 w1 | w0 w1 | w0 w1          up to 7 bytes behind it, times zero
 *                   channel    0       1       2       3
 *
 * A tile that isn't filled repeats its last row; of columns that don't exist, only the bytes aren't written.
 */
import { Four, factor_of, Quantised, quantise, start_of } from './int8';

const COLUMNS: i32 = ASC_FEATURE_SIMD ? 8 : 1;

/** Scratch: starts | factors | bytes of a tile at the edge | panel. */
const FACTORS: usize = 32;
const EDGE: usize = 64;
const PANEL: usize = 80;

/** Bytes of scratch that a product over `depth` steps of k needs. */
export function int8_scratch(depth: i32): i32 {
  return <i32>PANEL + (ASC_FEATURE_SIMD ? ((depth + 7) & ~7) * 16 : 0);
}

/**
 * The product above. out [rows] at a stride of outRow bytes, x [rows] at xRow, w [count][depth], b i32 [count], scales f32
 * [count], scratch [int8_scratch(depth)].
 */
// biome-ignore format: one matrix a line
export function int8_gemm(
  out: usize, outRow: usize, rows: i32, count: i32, depth: i32,
  x: usize, xRow: usize,
  w: usize, b: usize, scales: usize, q: Quantised, scratch: usize,
): void {
  for (let j = 0; j < count; j += COLUMNS) {
    const width = min(count - j, COLUMNS);
    pack(scratch, w, b, scales, width, depth, q);
    if (ASC_FEATURE_SIMD) tiles_4x8(out, outRow, rows, width, depth, x, xRow, q, scratch);
    else rows_1(out, outRow, rows, depth, x, xRow, w, q, scratch);
    out += COLUMNS;
    w += <usize>(depth * COLUMNS);
    b += COLUMNS << 2;
    scales += COLUMNS << 2;
  }
}

/** Copies `width` channels into the panel (SIMD), and writes where their sums start and what they are multiplied with. */
function pack(scratch: usize, w: usize, b: usize, scales: usize, width: i32, depth: i32, q: Quantised): void {
  const panel = scratch + PANEL;
  const even = (depth + 7) & ~7;
  for (let j = 0; j < COLUMNS; j++) {
    // What is missing repeats the last one.
    const at: usize = min(j, width - 1);
    const row = w + at * <usize>depth;
    let sum = 0;
    let k = 0;
    if (ASC_FEATURE_SIMD) {
      let to = panel + ((<usize>j) << 2);
      const ones = i16x8.splat(1);
      let sums = i32x4.splat(0);
      for (; k <= depth - 8; k += 8) {
        const eight = v128.load_ext<i8>(row + <usize>k);
        sums = i32x4.add(sums, i32x4.dot_i16x8_s(eight, ones));
        v128.store32_lane(to, eight, 0);
        v128.store32_lane(to, eight, 1, 32);
        v128.store32_lane(to, eight, 2, 64);
        v128.store32_lane(to, eight, 3, 96);
        to += 128;
      }
      sum =
        i32x4.extract_lane(sums, 0) +
        i32x4.extract_lane(sums, 1) +
        i32x4.extract_lane(sums, 2) +
        i32x4.extract_lane(sums, 3);
      for (; k < even; k++) {
        const value: i32 = k < depth ? <i32>load<i8>(row + <usize>k) : 0;
        sum += value;
        store<i16>(to + ((k & 1) << 1), <i16>value);
        if (k & 1) to += 32;
      }
    } else {
      for (; k <= depth - 4; k += 4) {
        const four = load<i32>(row + <usize>k);
        sum += <i32>(<i8>four) + <i32>(<i8>(four >> 8)) + <i32>(<i8>(four >> 16)) + (four >> 24);
      }
      for (; k < depth; k++) sum += <i32>load<i8>(row + <usize>k);
    }
    const place = scratch + ((<usize>j) << 2);
    store<i32>(place, start_of(load<i32>(b + (at << 2)), sum, q.xZero, depth));
    store<f32>(place, factor_of(q, load<f32>(scales + (at << 2))), FACTORS);
  }
}

/** Number n of eight. */
class Eight {
  @inline
  static at(eight: i64, n: i32): i32 {
    return <i32>(<i8>(<i32>(eight >> (n & 4 ? 32 : 0)) >> ((n & 3) << 3)));
  }
}

/** All rows times a channel, without SIMD: 8 products for 2 loads. A larger tile doesn't fit a microcontroller's registers. */
// biome-ignore format: one matrix a line
function rows_1(
  out: usize, outRow: usize, rows: i32, depth: i32, x: usize, xRow: usize, w: usize, q: Quantised, scratch: usize,
): void {
  const start = load<i32>(scratch);
  const factor = load<f32>(scratch, FACTORS);
  const low = q.low;
  const high = q.high;
  const zero = q.zero;
  const block = w + <usize>(depth & ~7);
  for (; rows > 0; rows--) {
    let a = x;
    x += xRow;
    let b = w;
    let c = start;
    while (b < block) {
      const t = load<i64>(b);
      b += 8;
      const r = load<i64>(a);
      a += 8;
      c += Eight.at(r, 0) * Eight.at(t, 0);
      c += Eight.at(r, 1) * Eight.at(t, 1);
      c += Eight.at(r, 2) * Eight.at(t, 2);
      c += Eight.at(r, 3) * Eight.at(t, 3);
      c += Eight.at(r, 4) * Eight.at(t, 4);
      c += Eight.at(r, 5) * Eight.at(t, 5);
      c += Eight.at(r, 6) * Eight.at(t, 6);
      c += Eight.at(r, 7) * Eight.at(t, 7);
    }
    for (let k = depth & 7; k > 0; k--) c += <i32>load<i8>(a++) * <i32>load<i8>(b++);
    store<u8>(out, quantise(<f32>c * factor, low, high, zero));
    out += outRow;
  }
}

/** All rows times the panel, with SIMD. */
// biome-ignore format: one matrix a line
function tiles_4x8(
  out: usize, outRow: usize, rows: i32, width: i32, depth: i32,
  x: usize, xRow: usize, q: Quantised, scratch: usize,
): void {
  const edge = scratch + EDGE;
  const low = f32x4.splat(q.low);
  const high = f32x4.splat(q.high);
  const zero = Four.zero(q.zero);
  for (; rows > 0; rows -= 4) {
    let a0 = x;
    let a1 = rows > 1 ? a0 + xRow : a0;
    let a2 = rows > 2 ? a1 + xRow : a1;
    let a3 = rows > 3 ? a2 + xRow : a2;
    x = a3 + xRow;
    let c00 = v128.load(scratch);
    let c01 = v128.load(scratch, 16);
    let c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01;
    let b = scratch + PANEL;
    for (let k = depth; k > 0; k -= 8) {
      const x0 = v128.load_ext<i8>(a0);
      const x1 = v128.load_ext<i8>(a1);
      const x2 = v128.load_ext<i8>(a2);
      const x3 = v128.load_ext<i8>(a3);
      a0 += 8;
      a1 += 8;
      a2 += 8;
      a3 += 8;
      let t0 = v128.load(b);
      let t1 = v128.load(b, 16);
      let s = v128.shuffle<i32>(x0, x0, 0, 0, 0, 0);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(s, t0));
      c01 = i32x4.add(c01, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x1, x1, 0, 0, 0, 0);
      c10 = i32x4.add(c10, i32x4.dot_i16x8_s(s, t0));
      c11 = i32x4.add(c11, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x2, x2, 0, 0, 0, 0);
      c20 = i32x4.add(c20, i32x4.dot_i16x8_s(s, t0));
      c21 = i32x4.add(c21, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x3, x3, 0, 0, 0, 0);
      c30 = i32x4.add(c30, i32x4.dot_i16x8_s(s, t0));
      c31 = i32x4.add(c31, i32x4.dot_i16x8_s(s, t1));
      t0 = v128.load(b, 32);
      t1 = v128.load(b, 48);
      s = v128.shuffle<i32>(x0, x0, 1, 1, 1, 1);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(s, t0));
      c01 = i32x4.add(c01, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x1, x1, 1, 1, 1, 1);
      c10 = i32x4.add(c10, i32x4.dot_i16x8_s(s, t0));
      c11 = i32x4.add(c11, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x2, x2, 1, 1, 1, 1);
      c20 = i32x4.add(c20, i32x4.dot_i16x8_s(s, t0));
      c21 = i32x4.add(c21, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x3, x3, 1, 1, 1, 1);
      c30 = i32x4.add(c30, i32x4.dot_i16x8_s(s, t0));
      c31 = i32x4.add(c31, i32x4.dot_i16x8_s(s, t1));
      t0 = v128.load(b, 64);
      t1 = v128.load(b, 80);
      s = v128.shuffle<i32>(x0, x0, 2, 2, 2, 2);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(s, t0));
      c01 = i32x4.add(c01, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x1, x1, 2, 2, 2, 2);
      c10 = i32x4.add(c10, i32x4.dot_i16x8_s(s, t0));
      c11 = i32x4.add(c11, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x2, x2, 2, 2, 2, 2);
      c20 = i32x4.add(c20, i32x4.dot_i16x8_s(s, t0));
      c21 = i32x4.add(c21, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x3, x3, 2, 2, 2, 2);
      c30 = i32x4.add(c30, i32x4.dot_i16x8_s(s, t0));
      c31 = i32x4.add(c31, i32x4.dot_i16x8_s(s, t1));
      t0 = v128.load(b, 96);
      t1 = v128.load(b, 112);
      s = v128.shuffle<i32>(x0, x0, 3, 3, 3, 3);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(s, t0));
      c01 = i32x4.add(c01, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x1, x1, 3, 3, 3, 3);
      c10 = i32x4.add(c10, i32x4.dot_i16x8_s(s, t0));
      c11 = i32x4.add(c11, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x2, x2, 3, 3, 3, 3);
      c20 = i32x4.add(c20, i32x4.dot_i16x8_s(s, t0));
      c21 = i32x4.add(c21, i32x4.dot_i16x8_s(s, t1));
      s = v128.shuffle<i32>(x3, x3, 3, 3, 3, 3);
      c30 = i32x4.add(c30, i32x4.dot_i16x8_s(s, t0));
      c31 = i32x4.add(c31, i32x4.dot_i16x8_s(s, t1));
      b += 128;
    }
    const f0 = v128.load(scratch, FACTORS);
    const f1 = v128.load(scratch, FACTORS + 16);
    c00 = Four.quantise(f32x4.mul(f32x4.convert_i32x4_s(c00), f0), low, high, zero);
    c01 = Four.quantise(f32x4.mul(f32x4.convert_i32x4_s(c01), f1), low, high, zero);
    c10 = Four.quantise(f32x4.mul(f32x4.convert_i32x4_s(c10), f0), low, high, zero);
    c11 = Four.quantise(f32x4.mul(f32x4.convert_i32x4_s(c11), f1), low, high, zero);
    c20 = Four.quantise(f32x4.mul(f32x4.convert_i32x4_s(c20), f0), low, high, zero);
    c21 = Four.quantise(f32x4.mul(f32x4.convert_i32x4_s(c21), f1), low, high, zero);
    c30 = Four.quantise(f32x4.mul(f32x4.convert_i32x4_s(c30), f0), low, high, zero);
    c31 = Four.quantise(f32x4.mul(f32x4.convert_i32x4_s(c31), f1), low, high, zero);
    const top = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(c00, c01), i16x8.narrow_i32x4_s(c10, c11));
    const bottom = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(c20, c21), i16x8.narrow_i32x4_s(c30, c31));
    Edge.put(out, top, 0, width, edge);
    out += outRow;
    if (rows > 1) Edge.put(out, top, 1, width, edge);
    out += outRow;
    if (rows > 2) Edge.put(out, bottom, 0, width, edge);
    out += outRow;
    if (rows > 3) Edge.put(out, bottom, 1, width, edge);
    out += outRow;
  }
}

class Edge {
  /** Writes `width` bytes of one half of a register. */
  @inline
  static put(out: usize, bytes: v128, half: u8, width: i32, edge: usize): void {
    if (width == 8) {
      if (half == 0) v128.store64_lane(out, bytes, 0);
      else v128.store64_lane(out, bytes, 1);
    } else {
      v128.store(edge, bytes);
      memory.copy(out, edge + ((<usize>half) << 3), width);
    }
  }
}
