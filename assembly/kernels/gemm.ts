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

import { row, TILE_COLUMNS, TILE_ROWS, tile_of_one, tiles_2x4, tiles_4x8 } from './tile';

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
