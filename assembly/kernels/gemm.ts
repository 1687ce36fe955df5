/**
 * One matrix product under every dense layer, forward and both gradients:
 *
 *   c[i][j] = clip(start[i][j] + sum over k of a[row(i)][k] * b[k][j])      start: zero, a bias of columns, or c itself
 *
 *                     rows i            columns j        k                 a(i, k)       b(k, j)
 *   forward           pixels            output channels  input channels    x[i][k]       w[j][k]
 *     few pixels      output channels   pixels           input channels    w[i][k]       x[j][k]
 *   input gradient    pixels            input channels   output channels   dy[i][k]      w[k][j]
 *   weight gradient   output channels   input channels   pixels            dy[k][row(i)] x[k][j]
 *
 * A tile of the result is held in registers (tile.ts): 4 x 8 in SIMD, 4 x 4 for the last columns, 2 x 4 without SIMD.
 * What a tile reads of b lies as a panel, as many columns as the tile is wide:
 *
 *          j0      j0 + 8            b, K_BLOCK rows at a time, is copied into a panel in scratch, padded with zeros
 *        +---+---+---+-+             where the columns end. So a tile reads it in sequence, whatever the layout of b
 *   k0   |   |###|   |.|             (a direct read at a stride of a power of two would also fall into few sets of
 *        |   |###|   |.|             the cache). Few rows don't repay the copy: then b is read where it lies, or, in a
 *        +---+---+---+-+             forward pass, where a column lies along k, a and b change places. Without SIMD,
 *                                    the panel of a forward pass is of columns (tile.ts), and other b isn't copied.
 *
 * a is read where it lies, by a pointer a row and a stride along k, so that a list of channels costs nothing.
 * Tiles that aren't filled, by rows or by columns, and those of a transposed result go over a copy in scratch, so that
 * nothing outside c is written; a missing row repeats the one before.
 *
 * Every sum starts at `start` and adds its products in the order of k, in both binaries and whatever the tile: scalar
 * and SIMD give the same bits.
 */

import { COLUMN_BYTES, Columns, K_BLOCK, Rows, row, TILE_COLUMNS, TILE_ROWS, tiles_2x4 } from './tile';
import { tile_of_one, tiles_4x4, tiles_4x8 } from './tile_simd';

/** Up to so many rows, b is read where it lies; without SIMD always, as the copy would cost more than the cache does. */
const DIRECT_ROWS: i32 = ASC_FEATURE_SIMD ? 16 : i32.MAX_VALUE;

/** What becomes of c: the product; what it holds and then the terms of the product, one by one; c plus the whole product. */
export const WRITE: i32 = 0;
export const RESUME: i32 = 1;
/** Only of a depth of at most K_BLOCK: of a larger one, the terms are added one by one. */
export const ADD: i32 = 2;

/** Scratch: starts of a panel's columns | copy of tiles at the edge | panel. */
const EDGE: usize = 32;
const EDGE_BYTES: i32 = 256;
const PANEL: usize = EDGE + <usize>EDGE_BYTES;

/** Bytes of scratch that a product over `depth` steps of k needs. */
export function gemm_scratch(depth: i32): i32 {
  const steps = min(depth, K_BLOCK);
  if (!ASC_FEATURE_SIMD) return <i32>PANEL + (TILE_COLUMNS - 1) * <i32>COLUMN_BYTES + steps * 4;
  return <i32>PANEL + steps * TILE_COLUMNS * 4;
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
  bias: usize, result: i32, low: f32, high: f32, scratch: usize,
): void {
  // What is copied: of b, an element for every `rows` products; of a transposed result, one for every `depth` products.
  if (ASC_FEATURE_SIMD && bStep != 4 && rows < min(depth, K_BLOCK) && 2 * rows <= columns)
    product(c, 4, cRow, columns, rows, depth, b, bStep, bRow, 0, a, aStep, aRow, bias, result, low, high, scratch);
  else product(c, cRow, 4, rows, columns, depth, a, aRow, aStep, list, b, bRow, bStep, bias, result, low, high, scratch);
}

/** The same with c(i, j) at c + i * cRow + j * cStep. Where cStep is not 4, the bias is one of rows. */
// biome-ignore format: one matrix a line
function product(
  c: usize, cRow: usize, cStep: usize, rows: i32, columns: i32, depth: i32,
  a: usize, aRow: usize, aStep: usize, list: usize,
  b: usize, bRow: usize, bStep: usize,
  bias: usize, result: i32, low: f32, high: f32, scratch: usize,
): void {
  for (let k0 = 0; k0 < depth; k0 += K_BLOCK) {
    const steps = min(depth - k0, K_BLOCK);
    const how = k0 > 0 || (result == ADD && depth > K_BLOCK) ? RESUME : result;
    const last = k0 + steps == depth;
    const block = a + <usize>k0 * aStep;
    for (let j0 = 0; j0 < columns; j0 += TILE_COLUMNS) {
      const width = min(columns - j0, TILE_COLUMNS);
      let panel = b + <usize>k0 * bRow + <usize>j0 * bStep;
      let panelRow = bRow;
      const inColumns = !ASC_FEATURE_SIMD && bRow == 4 && aStep == 4 && !list && result != ADD;
      if (inColumns || rows > DIRECT_ROWS || bStep != 4 || width != tile_width(width)) {
        panelRow = pack(scratch, panel, bRow, bStep, steps, width, inColumns);
        panel = panel_of(scratch);
      }
      let starts: usize = bias;
      if (cStep == 4) {
        if (how != RESUME) start_columns(scratch, bias ? bias + ((<usize>j0) << 2) : 0, width);
        starts = 0;
      }
      // biome-ignore format: one matrix a line
      rows_times_panel(
        c + <usize>j0 * cStep, cRow, cStep, rows, width,
        block, aRow, aStep, list,
        panel, panelRow, steps, 1, 0, 0,
        starts, how, last ? low : -Infinity, last ? high : Infinity, scratch,
      );
    }
  }
}

/** Where a panel lies in scratch. */
export function panel_of(scratch: usize): usize {
  return scratch + PANEL;
}

/** Columns of the tiles that a panel of `width` columns is for. */
function tile_width(width: i32): i32 {
  return ASC_FEATURE_SIMD && width <= 4 ? 4 : TILE_COLUMNS;
}

/** What the sums of a panel's columns start at: bias [width], or zero. */
export function start_columns(scratch: usize, bias: usize, width: i32): void {
  for (let j = 0; j < TILE_COLUMNS; j++)
    store<f32>(scratch + ((<usize>j) << 2), bias && j < width ? load<f32>(bias + ((<usize>j) << 2)) : 0);
}

/**
 * All rows of a, times one panel. c, a and list as in `product`, but a row of a is `runs` runs of `steps` floats each, and
 * from the end of one to the next it is aJump bytes in a and bJump in the panel. The sums start at what
 * `start_columns` left in scratch; with `starts`, at starts [rows]; or at c, to RESUME.
 */
// biome-ignore format: one matrix a line
export function rows_times_panel(
  c: usize, cRow: usize, cStep: usize, rows: i32, width: i32,
  a: usize, aRow: usize, aStep: usize, list: usize,
  panel: usize, panelRow: usize, steps: i32, runs: i32, aJump: usize, bJump: usize,
  starts: usize, result: i32, low: f32, high: f32, scratch: usize,
): void {
  const edge = scratch + EDGE;
  const tile = tile_width(width);
  const edgeRow = (<usize>tile) << 2;
  const narrow = ASC_FEATURE_SIMD && tile != TILE_COLUMNS;
  const whole = width == tile && cStep == 4;
  for (let i = 0; i < rows; ) {
    let count = rows - i;
    if (count >= TILE_ROWS) count &= -TILE_ROWS;
    else if (count < 3 && !narrow) count = 1;
    const inside = whole && (count >= TILE_ROWS || (ASC_FEATURE_SIMD && count == 1 && !narrow));
    if (!inside) count = min(count, EDGE_BYTES / 4 / tile);
    const to = inside ? c : edge;
    const toRow = inside ? cRow : edgeRow;
    let start = scratch;
    let startRow: usize = 0;
    if (result != WRITE && !inside) copy_tiles(edge, edgeRow, 4, c, cRow, cStep, count, width);
    if (result == RESUME) {
      start = to;
      startRow = toRow;
    } else if (ASC_FEATURE_SIMD && starts) {
      start = edge;
      startRow = edgeRow;
      for (let r = 0; r < count; r++) {
        const value = v128.load32_splat(starts + ((<usize>(i + r)) << 2));
        v128.store(edge + <usize>r * edgeRow, value);
        if (!narrow) v128.store(edge + <usize>r * edgeRow, value, 16);
      }
    }
    // biome-ignore format: one matrix a line
    if (!ASC_FEATURE_SIMD && panelRow == 4) {
      tiles_2x4<Columns>(to, toRow, i, count, start, startRow, a, aRow, aStep, list, panel, panelRow, steps, runs, aJump, bJump, false, low, high);
    } else if (ASC_FEATURE_SIMD && count == 1 && !narrow) {
      tile_of_one(to, start, row(a, aRow, list, i), aStep, panel, panelRow, steps, runs, aJump, bJump, result == ADD, low, high);
    } else if (ASC_FEATURE_SIMD && narrow) {
      tiles_4x4(to, toRow, i, count, start, startRow, a, aRow, aStep, list, panel, panelRow, steps, runs, aJump, bJump, result == ADD, low, high);
    } else if (ASC_FEATURE_SIMD) {
      tiles_4x8(to, toRow, i, count, start, startRow, a, aRow, aStep, list, panel, panelRow, steps, runs, aJump, bJump, result == ADD, low, high);
    } else {
      tiles_2x4<Rows>(to, toRow, i, count, start, startRow, a, aRow, aStep, list, panel, panelRow, steps, runs, aJump, bJump, result == ADD, low, high);
    }
    if (!inside) copy_tiles(c, cRow, cStep, edge, edgeRow, 4, count, width);
    i += count;
    c += <usize>count * cRow;
  }
}

/** Copies [rows][width] floats from one layout to another. */
// biome-ignore format: one matrix a line
function copy_tiles(
  to: usize, toRow: usize, toStep: usize,
  from: usize, fromRow: usize, fromStep: usize,
  rows: i32, width: i32,
): void {
  if (ASC_FEATURE_SIMD) {
    if (toRow == 4 && fromStep == 4 && ((rows | width) & 3) == 0) {
      for (; rows > 0; rows -= 4) {
        for (let j: usize = 0; j < <usize>width; j += 4) transpose_4x4(to + j * toStep, toStep, from + (j << 2), fromRow);
        to += 16;
        from += 4 * fromRow;
      }
      return;
    }
  }
  for (; rows > 0; rows--) {
    let u = to;
    let v = from;
    for (let j = width; j > 0; j--) {
      store<f32>(u, load<f32>(v));
      u += toStep;
      v += fromStep;
    }
    to += toRow;
    from += fromRow;
  }
}

/**
 * Copies [steps][width] of b into the panel, filled up to the tile's width. Without SIMD, `columns` says that it is one of
 * columns. Returns the bytes from one step of k to the next.
 */
// biome-ignore format: one matrix a line
export function pack(
  scratch: usize, b: usize, bRow: usize, bStep: usize, steps: i32, width: i32, columns: bool,
): usize {
  let panel = panel_of(scratch);
  if (!ASC_FEATURE_SIMD && columns) {
    for (let j = 0; j < TILE_COLUMNS; j++)
      memory.copy(panel + <usize>j * COLUMN_BYTES, b + <usize>min(j, width - 1) * bStep, (<usize>steps) << 2);
    return 4;
  }
  const panelRow = (<usize>tile_width(width)) << 2;
  const end = panel + panelRow;
  if (ASC_FEATURE_SIMD && width >= 4 && (bStep == 4 || bRow == 4)) {
    const fours = width & -4;
    let to = panel;
    let from = b;
    let k = steps;
    if (bStep == 4) {
      for (; k > 0; k--) {
        v128.store(to, v128.load(from));
        if (fours == 8) v128.store(to, v128.load(from, 16), 16);
        to += panelRow;
        from += bRow;
      }
    } else {
      for (; k >= 4; k -= 4) {
        transpose_4x4(to, panelRow, from, bStep);
        if (fours == 8) transpose_4x4(to + 16, panelRow, from + 4 * bStep, bStep);
        to += 4 * panelRow;
        from += 16;
      }
      copy_tiles(to, 4, panelRow, from, bStep, 4, fours, k);
    }
    panel += (<usize>fours) << 2;
    b += <usize>fours * bStep;
    width -= fours;
  }
  for (; panel < end; panel += 4) {
    let to = panel;
    if (width > 0) {
      let from = b;
      for (let k = steps; k > 0; k--) {
        store<f32>(to, load<f32>(from));
        to += panelRow;
        from += bRow;
      }
    } else {
      for (let k = steps; k > 0; k--) {
        store<f32>(to, 0);
        to += panelRow;
      }
    }
    b += bStep;
    width--;
  }
  return panelRow;
}

/** to[k][j] = from[j][k] of 4 x 4 floats. */
function transpose_4x4(to: usize, toRow: usize, from: usize, fromRow: usize): void {
  const r0 = v128.load(from);
  const r1 = v128.load(from + fromRow);
  const r2 = v128.load(from + 2 * fromRow);
  const r3 = v128.load(from + 3 * fromRow);
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
  to += toRow;
  v128.store(to, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
  to += toRow;
  v128.store(to, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
  to += toRow;
  v128.store(to, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
}
