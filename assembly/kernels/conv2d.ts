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
import { gemm, gemm_scratch, pack, panel_of, rows_times_panel, start_columns } from './gemm';
import { Geometry } from './geometry';
import { K_BLOCK, TILE_COLUMNS } from './tile';

const STRIP_BYTES: i32 = 24 * 1024;
/** Fewer pixels don't repay the copy of the weights into panels. */
const STRIP_PIXELS: i32 = 16;
/** Fewer pixels in a row of the output have too large a share of pixels at its ends, which go one by one. */
const DIRECT_WIDTH: i32 = 16;

/** Floats of one kernel row of a window. */
function row_floats(g: Geometry): i32 {
  return g.kernelW * g.inC;
}

/** Kernel rows of a block. */
function block_rows(g: Geometry): i32 {
  return min(max(STRIP_BYTES / (STRIP_PIXELS * 4) / row_floats(g), 1), g.kernelH);
}

/** Pixels of a strip. */
function strip_pixels(g: Geometry): i32 {
  const fit = STRIP_BYTES / (4 * row_floats(g) * block_rows(g));
  return min(max(fit, STRIP_PIXELS / 2), g.outH * g.outW);
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
  if (is_direct(g)) {
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
        b, ky > 0, clip ? 0 : -Infinity, clip ? g.limit : Infinity, panels,
      );
    }
  }
}

/** Whether the forward pass reads windows where they lie: all weights fit a panel, no window is all padding. */
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
          0, false, low, high, scratch,
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
        0, false, -Infinity, Infinity, panels,
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
        0, true, -Infinity, Infinity, panels,
      );
    }
  }
}

/**
 * The windows of `count` output pixels from `first` on, kernel rows ky0 to ky0 + rows: copied from the image into
 * columns, zeros where they lie in the padding, or (scatter) added from columns to the image.
 * columns [count][rows][kW][I], image [inH][inW][I].
 */
function windows(
  columns: usize,
  image: usize,
  g: Geometry,
  first: i32,
  count: i32,
  ky0: i32,
  rows: i32,
  scatter: bool,
): void {
  const C = g.inC;
  const whole = row_floats(g);
  const imageRow = g.inW * C;
  const next = (<usize>(rows * whole)) << 2;
  const step = (<usize>(g.strideW * C)) << 2;
  let oy = first / g.outW;
  let ox = first % g.outW;
  while (count > 0) {
    const ix = ox * g.strideW - g.padLeft;
    const left = max(-ix, 0) * C;
    const right = min(g.inW - ix, g.kernelW) * C;
    const run = right - left;
    const n = min(pixels_of_run(g, ix, ox), count);
    let iy = oy * g.strideH - g.padTop + ky0;
    let source = image + ((<usize>(iy * imageRow + ix * C + left)) << 2);
    for (let r: usize = 0; r < next; r += (<usize>whole) << 2) {
      const to = columns + r;
      if (scatter) {
        if (<u32>iy < <u32>g.inH) add_runs(source, step, to + ((<usize>left) << 2), next, run, n);
      } else if (<u32>iy < <u32>g.inH) {
        for (let i = 0; i < left; i++) store<f32>(to + ((<usize>i) << 2), 0);
        copy_runs(to + ((<usize>left) << 2), next, source, step, run, n);
        for (let i = right; i < whole; i++) store<f32>(to + ((<usize>i) << 2), 0);
      } else {
        for (let i = 0; i < n; i++) memory.fill(to + <usize>i * next, 0, (<usize>whole) << 2);
      }
      source += (<usize>imageRow) << 2;
      iy++;
    }
    columns += <usize>n * next;
    count -= n;
    ox += n;
    if (ox == g.outW) {
      ox = 0;
      oy++;
    }
  }
}

/** How many pixels from ox on, whose window begins at ix, have windows between the image's sides; 1 where this one has not. */
function pixels_of_run(g: Geometry, ix: i32, ox: i32): i32 {
  if (ix < 0 || ix + g.kernelW > g.inW) return 1;
  return min((g.inW - g.kernelW - ix) / g.strideW + 1, g.outW - ox);
}

/** Copies n runs of floats, which are toStep and fromStep bytes apart. Most are too short for a call of memory.copy. */
function copy_runs(to: usize, toStep: usize, from: usize, fromStep: usize, floats: i32, n: i32): void {
  const back = ((<usize>floats) << 2) - 16;
  for (; n > 0; n--) {
    let u = to;
    let v = from;
    let k = floats;
    if (ASC_FEATURE_SIMD && k >= 4) {
      for (; k > 4; k -= 4) {
        v128.store(u, v128.load(v));
        u += 16;
        v += 16;
      }
      // The last four once more, some of them for the second time.
      v128.store(to + back, v128.load(from + back));
    } else if (k >= 32) {
      memory.copy(u, v, (<usize>k) << 2);
    } else {
      for (; k >= 4; k -= 4) {
        store<f32>(u, load<f32>(v));
        store<f32>(u, load<f32>(v, 4), 4);
        store<f32>(u, load<f32>(v, 8), 8);
        store<f32>(u, load<f32>(v, 12), 12);
        u += 16;
        v += 16;
      }
      for (; k > 0; k--) {
        store<f32>(u, load<f32>(v));
        u += 4;
        v += 4;
      }
    }
    to += toStep;
    from += fromStep;
  }
}

/** Adds them. */
function add_runs(to: usize, toStep: usize, from: usize, fromStep: usize, floats: i32, n: i32): void {
  for (; n > 0; n--) {
    let u = to;
    let v = from;
    let k = floats;
    for (; k >= 4; k -= 4) {
      if (ASC_FEATURE_SIMD) {
        v128.store(u, f32x4.add(v128.load(u), v128.load(v)));
      } else {
        store<f32>(u, load<f32>(u) + load<f32>(v));
        store<f32>(u, load<f32>(u, 4) + load<f32>(v, 4), 4);
        store<f32>(u, load<f32>(u, 8) + load<f32>(v, 8), 8);
        store<f32>(u, load<f32>(u, 12) + load<f32>(v, 12), 12);
      }
      u += 16;
      v += 16;
    }
    for (; k > 0; k--) {
      store<f32>(u, load<f32>(u) + load<f32>(v));
      u += 4;
      v += 4;
    }
    to += toStep;
    from += fromStep;
  }
}
