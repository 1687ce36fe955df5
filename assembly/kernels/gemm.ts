/**
 * One matrix product under every dense layer, forward and both gradients:
 *
 *   c[i][j] = clip(start[i][j] + sum over k of a[row(i)][k] * b[k][j])      start: zero, a bias of columns, or c itself
 *
 *                     rows i            columns j        k                 a(i, k)       b(k, j)
 *   forward           pixels            output channels  input channels    x[i][k]       w[j][k]
 *   input gradient    pixels            input channels   output channels   dy[i][k]      w[k][j]
 *   weight gradient   output channels   input channels   pixels            dy[k][row(i)] x[k][j]
 *
 * A tile of the result is held in registers: 4 x 8 in SIMD (8 vectors of sums, 2 of b, 1 of a: 16 registers are
 * enough), 2 x 4 without. What a tile reads of b lies as a panel, as many columns as the tile is wide:
 *
 *          j0      j0 + 8            b, K_BLOCK rows at a time, is copied into a panel in scratch, padded with zeros
 *        +---+---+---+-+             where the columns end. So a tile reads it in sequence, whatever the layout of b
 *   k0   |   |###|   |.|             (a direct read at a stride of a power of two would also fall into few sets of
 *        |   |###|   |.|             the cache). Few rows don't repay the copy: then b is read where it lies.
 *        +---+---+---+-+
 *
 * a is read where it lies, by a pointer a row and a stride along k, so that a list of channels costs nothing.
 * A tile that isn't filled, by rows or by columns, goes over a copy in scratch, so that nothing outside c is written;
 * a missing fourth row repeats the third. One or two rows go one by one.
 *
 * Every sum starts at `start` and adds its products in the order of k, in both binaries and whatever the tile: scalar
 * and SIMD give the same bits.
 */

/** Rows and columns of a tile. */
const TILE_ROWS: i32 = ASC_FEATURE_SIMD ? 4 : 2;
const TILE_COLUMNS: i32 = ASC_FEATURE_SIMD ? 8 : 4;
/** Rows of b in a panel: 8 KB in SIMD, which leaves the first-level cache room for rows of a. */
const K_BLOCK: i32 = 256;
/** Up to so many rows, b is read where it lies. */
const DIRECT_ROWS: i32 = 2 * TILE_ROWS;

/** Scratch: starts of a panel's columns | copy of a tile at the edge | panel. */
const EDGE: usize = 32;
const PANEL: usize = EDGE + 128;

/** Bytes of scratch that a product over `depth` steps of k needs. */
export function gemm_scratch(depth: i32): i32 {
  return <i32>PANEL + min(depth, K_BLOCK) * TILE_COLUMNS * 4;
}

/**
 * The product above. All strides are in bytes.
 * c [rows][columns] at a row stride; a(i, k) at a + row(i) * aRow + k * aStep; b(k, j) at b + k * bRow + j * bStep;
 * list u16 [rows] = row(i), or 0: row(i) = i; bias [columns] or 0; scratch [gemm_scratch(depth)].
 */
// biome-ignore format: one matrix a line
export function gemm(
  c: usize, cRow: usize, rows: i32, columns: i32, depth: i32,
  a: usize, aRow: usize, aStep: usize, list: usize,
  b: usize, bRow: usize, bStep: usize,
  bias: usize, accumulate: bool, low: f32, high: f32, scratch: usize,
): void {
  const edge = scratch + EDGE;
  for (let k0 = 0; k0 < depth; k0 += K_BLOCK) {
    const steps = min(depth - k0, K_BLOCK);
    const resume = accumulate || k0 > 0;
    const last = k0 + steps == depth;
    const floor: f32 = last ? low : -Infinity;
    const ceiling: f32 = last ? high : Infinity;
    const block = a + <usize>k0 * aStep;
    for (let j0 = 0; j0 < columns; j0 += TILE_COLUMNS) {
      const width = min(columns - j0, TILE_COLUMNS);
      const whole = width == TILE_COLUMNS;
      let panel = b + <usize>k0 * bRow + <usize>j0 * bStep;
      let panelRow = bRow;
      if (rows > DIRECT_ROWS || !whole || bStep != 4) {
        pack(scratch + PANEL, panel, bRow, bStep, steps, width);
        panel = scratch + PANEL;
        panelRow = TILE_COLUMNS * 4;
      }
      if (!resume) {
        for (let j = 0; j < TILE_COLUMNS; j++) {
          const start: f32 = bias && j < width ? load<f32>(bias + ((<usize>(j0 + j)) << 2)) : 0;
          store<f32>(scratch + ((<usize>j) << 2), start);
        }
      }
      let at = c + ((<usize>j0) << 2);
      for (let i = 0; i < rows; ) {
        let count = rows - i;
        if (count < 3 && count < TILE_ROWS) count = 1;
        else if (!whole) count = min(count, TILE_ROWS);
        else if (count > TILE_ROWS) count &= -TILE_ROWS;
        const inside = whole && (count == 1 || count >= TILE_ROWS);
        let to = at;
        let toRow = cRow;
        if (!inside) {
          to = edge;
          toRow = TILE_COLUMNS * 4;
          if (resume) copy_rows(to, toRow, at, cRow, count, width);
        }
        const start = resume ? to : scratch;
        const startRow: usize = resume ? toRow : 0;
        if (count == 1) {
          tile_of_one(to, start, row(block, aRow, list, i), aStep, panel, panelRow, steps, floor, ceiling);
        } else if (ASC_FEATURE_SIMD) {
          tiles_4x8(to, toRow, i, count, start, startRow, block, aRow, aStep, list, panel, panelRow, steps, floor, ceiling);
        } else {
          tiles_2x4(to, toRow, i, count, start, startRow, block, aRow, aStep, list, panel, panelRow, steps, floor, ceiling);
        }
        if (!inside) copy_rows(at, cRow, to, toRow, count, width);
        i += count;
        at += <usize>count * cRow;
      }
    }
  }
}

/** Where row i of a begins. */
function row(a: usize, aRow: usize, list: usize, i: i32): usize {
  return a + aRow * (list ? <usize>load<u16>(list + ((<usize>i) << 1)) : <usize>i);
}

/** Copies [rows][width] floats from one row stride to another. */
function copy_rows(to: usize, toRow: usize, from: usize, fromRow: usize, rows: i32, width: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j: usize = 0; j < (<usize>width) << 2; j += 4) store<f32>(to + j, load<f32>(from + j));
    to += toRow;
    from += fromRow;
  }
}

/** Copies [steps][width] of b into panel [steps][TILE_COLUMNS], zeros behind the width. */
function pack(panel: usize, b: usize, bRow: usize, bStep: usize, steps: i32, width: i32): void {
  if (ASC_FEATURE_SIMD) {
    if (width == TILE_COLUMNS && bStep == 4) {
      for (; steps > 0; steps--) {
        v128.store(panel, v128.load(b));
        v128.store(panel, v128.load(b, 16), 16);
        panel += 32;
        b += bRow;
      }
      return;
    }
    if (width == TILE_COLUMNS && bRow == 4) {
      for (; steps >= 4; steps -= 4) {
        transpose_4x4(panel, b, bStep);
        transpose_4x4(panel + 16, b + 4 * bStep, bStep);
        panel += 128;
        b += 16;
      }
    }
  }
  for (let j = 0; j < TILE_COLUMNS; j++) {
    let to = panel + ((<usize>j) << 2);
    if (j < width) {
      let from = b + <usize>j * bStep;
      for (let k = steps; k > 0; k--) {
        store<f32>(to, load<f32>(from));
        to += TILE_COLUMNS * 4;
        from += bRow;
      }
    } else {
      for (let k = steps; k > 0; k--) {
        store<f32>(to, 0);
        to += TILE_COLUMNS * 4;
      }
    }
  }
}

/** to[k][j] = from[j][k] of 4 x 4 floats, at a row stride of a panel and of fromRow. */
function transpose_4x4(to: usize, from: usize, fromRow: usize): void {
  const r0 = v128.load(from);
  const r1 = v128.load(from + fromRow);
  const r2 = v128.load(from + 2 * fromRow);
  const r3 = v128.load(from + 3 * fromRow);
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
  v128.store(to, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), 32);
  v128.store(to, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), 64);
  v128.store(to, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), 96);
}

/**
 * c[count][8] = clip(start + rows i to i + count of a, times a panel of b). Of a count that is no multiple of 4
 * the last tile is written whole, with rows of no meaning behind.
 * One k a turn: unrolled, V8 spills the sums.
 */
// biome-ignore format: one matrix a line
function tiles_4x8(
  c: usize, cRow: usize, i: i32, count: i32, start: usize, startRow: usize,
  a: usize, aRow: usize, aStep: usize, list: usize,
  panel: usize, bRow: usize, steps: i32, low: f32, high: f32,
): void {
  for (const last = i + count - 1; i <= last; i += 4) {
    let a0 = row(a, aRow, list, i);
    let a1 = row(a, aRow, list, min(i + 1, last));
    let a2 = row(a, aRow, list, min(i + 2, last));
    let a3 = row(a, aRow, list, min(i + 3, last));
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
    let k = steps;
    do {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      let s = v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(s, b0));
      c01 = f32x4.add(c01, f32x4.mul(s, b1));
      s = v128.load32_splat(a1);
      c10 = f32x4.add(c10, f32x4.mul(s, b0));
      c11 = f32x4.add(c11, f32x4.mul(s, b1));
      s = v128.load32_splat(a2);
      c20 = f32x4.add(c20, f32x4.mul(s, b0));
      c21 = f32x4.add(c21, f32x4.mul(s, b1));
      s = v128.load32_splat(a3);
      c30 = f32x4.add(c30, f32x4.mul(s, b0));
      c31 = f32x4.add(c31, f32x4.mul(s, b1));
      a0 += aStep;
      a1 += aStep;
      a2 += aStep;
      a3 += aStep;
      b += bRow;
    } while (--k);
    const floor = f32x4.splat(low);
    const ceiling = f32x4.splat(high);
    v128.store(c, f32x4.min(f32x4.max(c00, floor), ceiling));
    v128.store(c, f32x4.min(f32x4.max(c01, floor), ceiling), 16);
    c += cRow;
    v128.store(c, f32x4.min(f32x4.max(c10, floor), ceiling));
    v128.store(c, f32x4.min(f32x4.max(c11, floor), ceiling), 16);
    c += cRow;
    v128.store(c, f32x4.min(f32x4.max(c20, floor), ceiling));
    v128.store(c, f32x4.min(f32x4.max(c21, floor), ceiling), 16);
    c += cRow;
    v128.store(c, f32x4.min(f32x4.max(c30, floor), ceiling));
    v128.store(c, f32x4.min(f32x4.max(c31, floor), ceiling), 16);
    c += cRow;
  }
}

/** The same without SIMD: c[count][4], count is a multiple of 2. */
// biome-ignore format: one matrix a line
function tiles_2x4(
  c: usize, cRow: usize, i: i32, count: i32, start: usize, startRow: usize,
  a: usize, aRow: usize, aStep: usize, list: usize,
  panel: usize, bRow: usize, steps: i32, low: f32, high: f32,
): void {
  for (const end = i + count; i < end; i += 2) {
    let a0 = row(a, aRow, list, i);
    let a1 = row(a, aRow, list, i + 1);
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
    let k = steps;
    do {
      const s0 = load<f32>(a0);
      const s1 = load<f32>(a1);
      let t = load<f32>(b);
      c00 += s0 * t;
      c10 += s1 * t;
      t = load<f32>(b, 4);
      c01 += s0 * t;
      c11 += s1 * t;
      t = load<f32>(b, 8);
      c02 += s0 * t;
      c12 += s1 * t;
      t = load<f32>(b, 12);
      c03 += s0 * t;
      c13 += s1 * t;
      a0 += aStep;
      a1 += aStep;
      b += bRow;
    } while (--k);
    store_clipped(c, c00, c01, c02, c03, low, high);
    c += cRow;
    store_clipped(c, c10, c11, c12, c13, low, high);
    c += cRow;
  }
}

/** One row of a tile: c[TILE_COLUMNS] = clip(start + one row of a times a panel of b). */
// biome-ignore format: one matrix a line
function tile_of_one(
  c: usize, start: usize, a: usize, aStep: usize, b: usize, bRow: usize, steps: i32, low: f32, high: f32,
): void {
  if (ASC_FEATURE_SIMD) {
    let c0 = v128.load(start);
    let c1 = v128.load(start, 16);
    do {
      const s = v128.load32_splat(a);
      c0 = f32x4.add(c0, f32x4.mul(s, v128.load(b)));
      c1 = f32x4.add(c1, f32x4.mul(s, v128.load(b, 16)));
      a += aStep;
      b += bRow;
    } while (--steps);
    const floor = f32x4.splat(low);
    const ceiling = f32x4.splat(high);
    v128.store(c, f32x4.min(f32x4.max(c0, floor), ceiling));
    v128.store(c, f32x4.min(f32x4.max(c1, floor), ceiling), 16);
  } else {
    let c0 = load<f32>(start);
    let c1 = load<f32>(start, 4);
    let c2 = load<f32>(start, 8);
    let c3 = load<f32>(start, 12);
    do {
      const s = load<f32>(a);
      c0 += s * load<f32>(b);
      c1 += s * load<f32>(b, 4);
      c2 += s * load<f32>(b, 8);
      c3 += s * load<f32>(b, 12);
      a += aStep;
      b += bRow;
    } while (--steps);
    store_clipped(c, c0, c1, c2, c3, low, high);
  }
}

function store_clipped(c: usize, c0: f32, c1: f32, c2: f32, c3: f32, low: f32, high: f32): void {
  store<f32>(c, min(max(c0, low), high));
  store<f32>(c, min(max(c1, low), high), 4);
  store<f32>(c, min(max(c2, low), high), 8);
  store<f32>(c, min(max(c3, low), high), 12);
}
