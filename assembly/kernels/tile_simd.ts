/** The inner loops of the matrix product with SIMD; what they are given is told in tile.ts. */
import { Lanes } from './math';

/**
 * c[count][8] = clip(start + rows i to i + count of a, times a panel of b). Of a count that is no multiple of 4
 * the last tile is written whole, with rows of no meaning behind.
 * One k a turn: unrolled, V8 spills the sums.
 */
// biome-ignore format: one matrix a line
export function tiles_4x8(
  c: usize, cRow: usize, i: i32, count: i32, start: usize, startRow: usize,
  a: usize, aRow: usize, aStep: usize, list: usize,
  panel: usize, bRow: usize, steps: i32, runs: i32, aJump: usize, bJump: usize, add: bool, low: f32, high: f32,
): void {
  let next = a + <usize>i * aRow;
  for (const last = i + count - 1; i <= last; i += 4) {
    let a0 = next;
    let a1 = a0 + aRow;
    let a2 = a1 + aRow;
    let a3 = a2 + aRow;
    next = a3 + aRow;
    if (list) {
      // In place of calls, around which all registers would be saved; numbers behind the list's end are not used.
      const at = list + ((<usize>i) << 1);
      a0 = a + aRow * <usize>load<u16>(at);
      a1 = a + aRow * <usize>load<u16>(at, 2);
      a2 = a + aRow * <usize>load<u16>(at, 4);
      a3 = a + aRow * <usize>load<u16>(at, 6);
    }
    if (i + 3 > last) {
      if (i == last) a1 = a0;
      if (i + 2 > last) a2 = a1;
      a3 = a2;
    }
    let c00 = v128.load(start);
    let c01 = v128.load(start, 16);
    start += startRow;
    let c10 = v128.load(start);
    let c11 = v128.load(start, 16);
    start += startRow;
    let c20 = v128.load(start);
    let c21 = v128.load(start, 16);
    start += startRow;
    let c30 = v128.load(start);
    let c31 = v128.load(start, 16);
    start += startRow;
    let b = panel;
    let r = runs;
    while (true) {
      let k = steps;
      do {
        const b0 = v128.load(b);
        const b1 = v128.load(b, 16);
        let s = v128.load32_splat(a0);
        c00 = Lanes.mulAdd<v128>(c00, s, b0);
        c01 = Lanes.mulAdd<v128>(c01, s, b1);
        s = v128.load32_splat(a1);
        c10 = Lanes.mulAdd<v128>(c10, s, b0);
        c11 = Lanes.mulAdd<v128>(c11, s, b1);
        s = v128.load32_splat(a2);
        c20 = Lanes.mulAdd<v128>(c20, s, b0);
        c21 = Lanes.mulAdd<v128>(c21, s, b1);
        s = v128.load32_splat(a3);
        c30 = Lanes.mulAdd<v128>(c30, s, b0);
        c31 = Lanes.mulAdd<v128>(c31, s, b1);
        a0 += aStep;
        a1 += aStep;
        a2 += aStep;
        a3 += aStep;
        b += bRow;
      } while (--k);
      if (--r == 0) break;
      a0 += aJump;
      a1 += aJump;
      a2 += aJump;
      a3 += aJump;
      b += bJump;
    }
    if (add) {
      let at = c;
      c00 = f32x4.add(c00, v128.load(at));
      c01 = f32x4.add(c01, v128.load(at, 16));
      at += cRow;
      c10 = f32x4.add(c10, v128.load(at));
      c11 = f32x4.add(c11, v128.load(at, 16));
      at += cRow;
      c20 = f32x4.add(c20, v128.load(at));
      c21 = f32x4.add(c21, v128.load(at, 16));
      at += cRow;
      c30 = f32x4.add(c30, v128.load(at));
      c31 = f32x4.add(c31, v128.load(at, 16));
    }
    if (low > -Infinity) {
      const floor = f32x4.splat(low);
      const ceiling = f32x4.splat(high);
      c00 = f32x4.pmin(f32x4.pmax(c00, floor), ceiling);
      c01 = f32x4.pmin(f32x4.pmax(c01, floor), ceiling);
      c10 = f32x4.pmin(f32x4.pmax(c10, floor), ceiling);
      c11 = f32x4.pmin(f32x4.pmax(c11, floor), ceiling);
      c20 = f32x4.pmin(f32x4.pmax(c20, floor), ceiling);
      c21 = f32x4.pmin(f32x4.pmax(c21, floor), ceiling);
      c30 = f32x4.pmin(f32x4.pmax(c30, floor), ceiling);
      c31 = f32x4.pmin(f32x4.pmax(c31, floor), ceiling);
    }
    v128.store(c, c00);
    v128.store(c, c01, 16);
    c += cRow;
    v128.store(c, c10);
    v128.store(c, c11, 16);
    c += cRow;
    v128.store(c, c20);
    v128.store(c, c21, 16);
    c += cRow;
    v128.store(c, c30);
    v128.store(c, c31, 16);
    c += cRow;
  }
}

/** The same for panels of 4 columns. */
// biome-ignore format: one matrix a line
export function tiles_4x4(
  c: usize, cRow: usize, i: i32, count: i32, start: usize, startRow: usize,
  a: usize, aRow: usize, aStep: usize, list: usize,
  panel: usize, bRow: usize, steps: i32, runs: i32, aJump: usize, bJump: usize, add: bool, low: f32, high: f32,
): void {
  let next = a + <usize>i * aRow;
  for (const last = i + count - 1; i <= last; i += 4) {
    let a0 = next;
    let a1 = a0 + aRow;
    let a2 = a1 + aRow;
    let a3 = a2 + aRow;
    next = a3 + aRow;
    if (list) {
      // In place of calls, around which all registers would be saved; numbers behind the list's end are not used.
      const at = list + ((<usize>i) << 1);
      a0 = a + aRow * <usize>load<u16>(at);
      a1 = a + aRow * <usize>load<u16>(at, 2);
      a2 = a + aRow * <usize>load<u16>(at, 4);
      a3 = a + aRow * <usize>load<u16>(at, 6);
    }
    if (i + 3 > last) {
      if (i == last) a1 = a0;
      if (i + 2 > last) a2 = a1;
      a3 = a2;
    }
    let c0 = v128.load(start);
    start += startRow;
    let c1 = v128.load(start);
    start += startRow;
    let c2 = v128.load(start);
    start += startRow;
    let c3 = v128.load(start);
    start += startRow;
    let b = panel;
    let r = runs;
    while (true) {
      let k = steps;
      do {
        const t = v128.load(b);
        c0 = Lanes.mulAdd<v128>(c0, v128.load32_splat(a0), t);
        c1 = Lanes.mulAdd<v128>(c1, v128.load32_splat(a1), t);
        c2 = Lanes.mulAdd<v128>(c2, v128.load32_splat(a2), t);
        c3 = Lanes.mulAdd<v128>(c3, v128.load32_splat(a3), t);
        a0 += aStep;
        a1 += aStep;
        a2 += aStep;
        a3 += aStep;
        b += bRow;
      } while (--k);
      if (--r == 0) break;
      a0 += aJump;
      a1 += aJump;
      a2 += aJump;
      a3 += aJump;
      b += bJump;
    }
    if (add) {
      let at = c;
      c0 = f32x4.add(c0, v128.load(at));
      at += cRow;
      c1 = f32x4.add(c1, v128.load(at));
      at += cRow;
      c2 = f32x4.add(c2, v128.load(at));
      at += cRow;
      c3 = f32x4.add(c3, v128.load(at));
    }
    if (low > -Infinity) {
      const floor = f32x4.splat(low);
      const ceiling = f32x4.splat(high);
      c0 = f32x4.pmin(f32x4.pmax(c0, floor), ceiling);
      c1 = f32x4.pmin(f32x4.pmax(c1, floor), ceiling);
      c2 = f32x4.pmin(f32x4.pmax(c2, floor), ceiling);
      c3 = f32x4.pmin(f32x4.pmax(c3, floor), ceiling);
    }
    v128.store(c, c0);
    c += cRow;
    v128.store(c, c1);
    c += cRow;
    v128.store(c, c2);
    c += cRow;
    v128.store(c, c3);
    c += cRow;
  }
}

/** One row of a tile, with SIMD: c[TILE_COLUMNS] = clip(start + one row of a times a panel of b). */
// biome-ignore format: one matrix a line
export function tile_of_one(
  c: usize, start: usize, a: usize, aStep: usize,
  b: usize, bRow: usize, steps: i32, runs: i32, aJump: usize, bJump: usize, add: bool, low: f32, high: f32,
): void {
  let c0 = v128.load(start);
  let c1 = v128.load(start, 16);
  while (true) {
    let k = steps;
    do {
      const s = v128.load32_splat(a);
      c0 = Lanes.mulAdd<v128>(c0, s, v128.load(b));
      c1 = Lanes.mulAdd<v128>(c1, s, v128.load(b, 16));
      a += aStep;
      b += bRow;
    } while (--k);
    if (--runs == 0) break;
    a += aJump;
    b += bJump;
  }
  if (add) {
    c0 = f32x4.add(c0, v128.load(c));
    c1 = f32x4.add(c1, v128.load(c, 16));
  }
  if (low > -Infinity) {
    const floor = f32x4.splat(low);
    const ceiling = f32x4.splat(high);
    c0 = f32x4.pmin(f32x4.pmax(c0, floor), ceiling);
    c1 = f32x4.pmin(f32x4.pmax(c1, floor), ceiling);
  }
  v128.store(c, c0);
  v128.store(c, c1, 16);
}
