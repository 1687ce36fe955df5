/**
 * Convolution with any kernel, stride and padding, as matrix products over the windows of a strip of pixels.
 *
 *   columns [pixels of a strip][kernel rows of a block][kW][I]        the windows, side by side, in scratch
 *
 * Of an NHWC image the kW * I values of one kernel row are contiguous, so that a window is kH copies. A strip is as many
 * pixels as fill STRIP_BYTES; where few would fit, the kernel's rows are taken in blocks.
 *
 * Where the image is wide and the kernel small, as in first layers, those copies would take as long as the products:
 * then the forward pass reads the windows where they lie.
 */
import { ADD, gemm, gemm_scratch, pack, panel_of, RESUME, rows_times_panel, start_columns, WRITE } from './gemm';
import { Geometry } from './geometry';
import { K_BLOCK, TILE_COLUMNS } from './tile';
import { pixels_of_run, row_floats, windows } from './windows';

const STRIP_BYTES: i32 = 24 * 1024;
/** Fewer pixels don't repay the copy of the weights into panels. */
const STRIP_PIXELS: i32 = 16;
/** Fewer pixels in a row of the output have too large a share of pixels at its ends, which go one by one. */
const DIRECT_WIDTH: i32 = 16;

/** Kernel rows of a block. */
function block_rows(g: Geometry): i32 {
  return min(max(STRIP_BYTES / (STRIP_PIXELS * 4) / row_floats(g), 1), g.kernelH);
}

/** Pixels of a strip. */
function strip_pixels(g: Geometry): i32 {
  const fit = STRIP_BYTES / (4 * row_floats(g) * block_rows(g));
  return min(max(fit, STRIP_PIXELS / 2), g.outH * g.outW);
}

/** True if the weight gradient adds to every element of dw once: then its terms were added to each other before. */
export function conv2d_adds_once(g: Geometry): bool {
  return g.outH * g.outW <= min(strip_pixels(g), K_BLOCK);
}

/** Bytes of scratch that the three kernels need at most. */
export function conv2d_scratch(g: Geometry): i32 {
  const pixels = strip_pixels(g);
  const floats = block_rows(g) * row_floats(g);
  return gemm_scratch(max(max(floats, g.outC), pixels)) + pixels * floats * 4;
}

/**
 * out = clip(x convolved with w, + b).
 * out [outH][outW][O], x [inH][inW][I], w [O][kH][kW][I], b [O], scratch [conv2d_scratch(g)].
 */
export function conv2d_forward(out: usize, x: usize, w: usize, b: usize, scratch: usize, g: Geometry): void {
  if (ASC_FEATURE_SIMD && is_direct(g)) {
    forward_direct(out, x, w, b, scratch, g);
    return;
  }
  const pixels = g.outH * g.outW;
  const strip = strip_pixels(g);
  const block = block_rows(g);
  const floats = row_floats(g);
  const wRow = (<usize>(g.kernelH * floats)) << 2;
  const outRow = (<usize>g.outC) << 2;
  const columns = scratch;
  const panels = scratch + ((<usize>(strip * block * floats)) << 2);
  for (let p = 0; p < pixels; p += strip) {
    const count = min(strip, pixels - p);
    for (let ky = 0; ky < g.kernelH; ky += block) {
      const rows = min(block, g.kernelH - ky);
      const depth = rows * floats;
      const clip = g.activation != 0 && ky + rows == g.kernelH;
      windows(columns, x, g, p, count, ky, rows, false);
      // biome-ignore format: one matrix a line
      gemm(
        out + <usize>p * outRow, outRow, count, g.outC, depth,
        columns, (<usize>depth) << 2, 4, 0,
        w + ((<usize>(ky * floats)) << 2), 4, wRow,
        b, ky > 0 ? RESUME : WRITE, clip ? 0 : -Infinity, clip ? g.limit : Infinity, panels,
      );
    }
  }
}

/** Whether the forward pass (with SIMD) reads windows where they lie: all weights fit a panel, no window is all padding. */
function is_direct(g: Geometry): bool {
  if (g.outW < DIRECT_WIDTH || g.kernelH * row_floats(g) > K_BLOCK) return false;
  return max(g.padTop, g.padBottom) < g.kernelH && max(g.padLeft, g.padRight) < g.kernelW;
}

/**
 * The forward pass without copies of windows. To rows_times_panel a window is kH runs of kW * I floats, a row of the
 * image apart; windows of neighbours begin strideW * I floats apart. A window over the edge of the image is cut:
 *
 *        kx0   kx1               fewer runs, or shorter ones, and the rows of the panel (the weights of eight channels,
 *      +---+-------+             kH * kW * I rows) that belong to what is cut are jumped over.
 *      | . | . . . |             Pixels between the left and the right edge go together, the others one by one.
 *      +---+-------+  ky0
 *      | . | x x x |
 *      +---+-------+  ky1
 */
function forward_direct(out: usize, x: usize, w: usize, b: usize, scratch: usize, g: Geometry): void {
  const C = g.inC;
  const floats = row_floats(g);
  const depth = g.kernelH * floats;
  const imageRow = g.inW * C;
  const outRow = (<usize>g.outC) << 2;
  const low: f32 = g.activation ? 0 : -Infinity;
  const high: f32 = g.activation ? g.limit : Infinity;
  for (let o = 0; o < g.outC; o += TILE_COLUMNS) {
    const width = min(g.outC - o, TILE_COLUMNS);
    const at = (<usize>o) << 2;
    const panelRow = pack(scratch, w + <usize>depth * at, 4, (<usize>depth) << 2, depth, width, true);
    start_columns(scratch, b + at, width);
    let to = out + at;
    for (let oy = 0; oy < g.outH; oy++) {
      const iy = oy * g.strideH - g.padTop;
      const ky0 = max(-iy, 0);
      const ky1 = min(g.inH - iy, g.kernelH);
      for (let ox = 0; ox < g.outW; ) {
        const ix = ox * g.strideW - g.padLeft;
        const kx0 = max(-ix, 0);
        const kx1 = min(g.inW - ix, g.kernelW);
        const run = (kx1 - kx0) * C;
        const count = pixels_of_run(g, ix, ox);
        // biome-ignore format: one matrix a line
        rows_times_panel(
          to, outRow, 4, count, width,
          x + ((<usize>((iy + ky0) * imageRow + (ix + kx0) * C)) << 2), (<usize>(g.strideW * C)) << 2, 4, 0,
          panel_of(scratch) + <usize>(ky0 * floats + kx0 * C) * panelRow, panelRow, run, ky1 - ky0,
          (<usize>(imageRow - run)) << 2, <usize>(floats - run) * panelRow,
          0, WRITE, low, high, scratch,
        );
        to += <usize>count * outRow;
        ox += count;
      }
    }
  }
}

/**
 * dx (+)= dy convolved with w, transposed.
 * dx [inH][inW][I], dy [outH][outW][O], w [O][kH][kW][I], scratch [conv2d_scratch(g)].
 */
export function conv2d_backward_input(
  dx: usize,
  dy: usize,
  w: usize,
  scratch: usize,
  g: Geometry,
  accumulate: bool,
): void {
  const pixels = g.outH * g.outW;
  const strip = strip_pixels(g);
  const block = block_rows(g);
  const floats = row_floats(g);
  const wRow = (<usize>(g.kernelH * floats)) << 2;
  const outRow = (<usize>g.outC) << 2;
  const columns = scratch;
  const panels = scratch + ((<usize>(strip * block * floats)) << 2);
  if (!accumulate) memory.fill(dx, 0, (<usize>(g.inH * g.inW * g.inC)) << 2);
  for (let p = 0; p < pixels; p += strip) {
    const count = min(strip, pixels - p);
    for (let ky = 0; ky < g.kernelH; ky += block) {
      const rows = min(block, g.kernelH - ky);
      const width = rows * floats;
      // biome-ignore format: one matrix a line
      gemm(
        columns, (<usize>width) << 2, count, width, g.outC,
        dy + <usize>p * outRow, outRow, 4, 0,
        w + ((<usize>(ky * floats)) << 2), wRow, 4,
        0, WRITE, -Infinity, Infinity, panels,
      );
      windows(columns, dx, g, p, count, ky, rows, true);
    }
  }
}

/**
 * dw += x correlated with dy, for the listed output channels.
 * dw [n][kH][kW][I], dy [outH][outW][O], x [inH][inW][I], scratch [conv2d_scratch(g)], channels u16 [n], or 0: all, n = O.
 */
export function conv2d_backward_weight(
  dw: usize,
  dy: usize,
  x: usize,
  scratch: usize,
  g: Geometry,
  channels: usize,
  n: i32,
): void {
  const pixels = g.outH * g.outW;
  const strip = strip_pixels(g);
  const block = block_rows(g);
  const floats = row_floats(g);
  const wRow = (<usize>(g.kernelH * floats)) << 2;
  const outRow = (<usize>g.outC) << 2;
  const columns = scratch;
  const panels = scratch + ((<usize>(strip * block * floats)) << 2);
  for (let p = 0; p < pixels; p += strip) {
    const count = min(strip, pixels - p);
    for (let ky = 0; ky < g.kernelH; ky += block) {
      const width = min(block, g.kernelH - ky) * floats;
      windows(columns, x, g, p, count, ky, min(block, g.kernelH - ky), false);
      // biome-ignore format: one matrix a line
      gemm(
        dw + ((<usize>(ky * floats)) << 2), wRow, n, width, count,
        dy + <usize>p * outRow, 4, outRow, channels,
        columns, (<usize>width) << 2, 4,
        0, ADD, -Infinity, Infinity, panels,
      );
    }
  }
}
