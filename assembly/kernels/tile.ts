/**
 * The inner loops of the matrix product (gemm.ts): a tile of the result in registers, a panel of b, rows of a. Those with
 * SIMD are in tile_simd.ts.
 *
 *                 t0  t1  t2  t3       a step of k: four columns of the panel (eight in SIMD) times
 *         s = a0  +=  +=  +=  +=       two rows of a (four in SIMD)
 *         s = a1  +=  +=  +=  +=
 *
 * c, start: rows of TILE_COLUMNS floats at the strides cRow, startRow (0: one start for all rows).
 * a: row(i) begins at a + row(i) * aRow and goes on by aStep; panel: rows of TILE_COLUMNS floats, bRow apart.
 * k goes through `runs` runs of `steps`; from the end of one to the next, a jumps aJump bytes, the panel bJump.
 * Sums are clipped to [low, high], or left as they are where low is -Infinity; with `add`, they are added to c (never in
 * a panel of columns: those are of forward passes).
 */
import { Lanes } from './math';

/** Rows and columns of a tile. */
export const TILE_ROWS: i32 = ASC_FEATURE_SIMD ? 4 : 2;
export const TILE_COLUMNS: i32 = ASC_FEATURE_SIMD ? 8 : 4;

/** Steps of k in a panel: 8 KB in SIMD, which leaves the first-level cache room for rows of a. */
export const K_BLOCK: i32 = 256;
/**
 * How a panel lies. Without SIMD it can also be four columns of b as they are, COLUMN_BYTES apart: then it takes four
 * calls of memory.copy instead of a loop over elements, and rows of a are without gaps, too (aStep is 4).
 *
 *   Rows      t0 t1 t2 t3 | t0 t1 t2 t3 | ...             Columns   t0 t0 t0 ... | t1 t1 t1 ... | t2 ... | t3 ...
 *
 * They are types so that offsets are constants in the code, chosen by their size.
 */
export type Rows = u32;
export type Columns = u64;
export const COLUMN_BYTES: usize = <usize>K_BLOCK * 4;

/** Where row i of a begins: list u16 holds the rows' numbers, or is 0 for rows one after another. */
export function row(a: usize, aRow: usize, list: usize, i: i32): usize {
  return a + aRow * (list ? <usize>load<u16>(list + ((<usize>i) << 1)) : <usize>i);
}

/**
 * c[count][4] = clip(start + rows i to i + count of a, times a panel of b). Of an odd count the last tile is written whole, with
 * its row twice.
 *
 * Written for interpreters, where an operation costs the same whatever it does: 6 loads and 5 other operations for 8
 * multiply-adds. Each load is followed by a step of its pointer, over which wasm-opt can't move it to its first use (a
 * local.tee, which interpreters copy); that it is the last turn is known before the panel's pointer steps, for the
 * same reason. Eight sums are what V8 keeps in registers; it spills those of larger tiles and of an unrolled loop.
 */
// biome-ignore format: one matrix a line
export function tiles_2x4<Layout>(
  c: usize, cRow: usize, i: i32, count: i32, start: usize, startRow: usize,
  a: usize, aRow: usize, aStep: usize, list: usize,
  panel: usize, bRow: usize, steps: i32, runs: i32, aJump: usize, bJump: usize, add: bool, low: f32, high: f32,
): void {
  const aNext: usize = sizeof<Layout>() == 4 ? aStep : 4;
  const bNext: usize = sizeof<Layout>() == 4 ? bRow : 4;
  const run = <usize>(steps - 1) * bNext;
  let next = a + <usize>i * aRow;
  for (const after = i + count; i < after; i += 2) {
    let a0 = next;
    let a1 = next + aRow;
    next = a1 + aRow;
    if (sizeof<Layout>() == 4 && list) {
      a0 = row(a, aRow, list, i);
      a1 = row(a, aRow, list, i + 1);
    }
    if (i + 1 == after) a1 = a0;
    let c00 = load<f32>(start);
    let c01 = load<f32>(start, 4);
    let c02 = load<f32>(start, 8);
    let c03 = load<f32>(start, 12);
    start += startRow;
    let c10 = load<f32>(start);
    let c11 = load<f32>(start, 4);
    let c12 = load<f32>(start, 8);
    let c13 = load<f32>(start, 12);
    start += startRow;
    let b = panel;
    let r = runs;
    while (true) {
      let more: bool;
      const last = b + run;
      do {
        const t0 = load<f32>(b);
        const t1 = load<f32>(b, sizeof<Layout>() == 4 ? 4 : COLUMN_BYTES);
        const t2 = load<f32>(b, sizeof<Layout>() == 4 ? 8 : 2 * COLUMN_BYTES);
        const t3 = load<f32>(b, sizeof<Layout>() == 4 ? 12 : 3 * COLUMN_BYTES);
        more = b != last;
        b += bNext;
        let s = load<f32>(a0);
        a0 += aNext;
        c00 += s * t0;
        c01 += s * t1;
        c02 += s * t2;
        c03 += s * t3;
        s = load<f32>(a1);
        a1 += aNext;
        c10 += s * t0;
        c11 += s * t1;
        c12 += s * t2;
        c13 += s * t3;
      } while (more);
      if (--r == 0) break;
      a0 += aJump;
      a1 += aJump;
      b += bJump;
    }
    if (sizeof<Layout>() == 4 && add) {
      c00 += load<f32>(c);
      c01 += load<f32>(c, 4);
      c02 += load<f32>(c, 8);
      c03 += load<f32>(c, 12);
      c10 += load<f32>(c + cRow);
      c11 += load<f32>(c + cRow, 4);
      c12 += load<f32>(c + cRow, 8);
      c13 += load<f32>(c + cRow, 12);
    }
    if (low > -Infinity) {
      c00 = clip(c00, low, high);
      c01 = clip(c01, low, high);
      c02 = clip(c02, low, high);
      c03 = clip(c03, low, high);
      c10 = clip(c10, low, high);
      c11 = clip(c11, low, high);
      c12 = clip(c12, low, high);
      c13 = clip(c13, low, high);
    }
    store<f32>(c, c00);
    store<f32>(c, c01, 4);
    store<f32>(c, c02, 8);
    store<f32>(c, c03, 12);
    c += cRow;
    store<f32>(c, c10);
    store<f32>(c, c11, 4);
    store<f32>(c, c12, 8);
    store<f32>(c, c13, 12);
    c += cRow;
  }
}

/** v between low and high; NaN stays NaN. As pmin and pmax do it, which are one instruction where min and max are many. */
export function clip(v: f32, low: f32, high: f32): f32 {
  v = v < low ? low : v;
  return high < v ? high : v;
}
