/**
 * Dense int8 layers, forward: products over pixels as they lie (pointwise, fully connected), or over windows that are
 * copied out of the image, strip by strip (conv2d.ts has the floats). Where an image ends, the copy has its zero point,
 * which adds nothing to a sum.
 */
import { Geometry } from './geometry';
import { Quantised } from './int8';
import { int8_gemm, int8_scratch } from './int8_gemm';
import { row_floats } from './windows';

/** Bytes of windows copied at a time, if eight pixels do not have more. */
const STRIP_BYTES: i32 = 8192;

function depth_of(g: Geometry): i32 {
  return g.kernelH * row_floats(g);
}

/** Bytes from one copied window to the next: the copy goes in steps of 8. */
function window_bytes(g: Geometry): i32 {
  return (depth_of(g) + 15) & ~7;
}

function strip_pixels(g: Geometry): i32 {
  return min(max(STRIP_BYTES / window_bytes(g), 8), g.outH * g.outW);
}

/** Bytes of scratch of a convolution. */
export function int8_conv2d_scratch(g: Geometry): i32 {
  return int8_scratch(depth_of(g)) + strip_pixels(g) * window_bytes(g) + 16;
}

/**
 * Pointwise convolution or fully connected layer, for `count` channels from `first` on, with `depth` weights each. x i8
 * [pixels][depth], w i8 [count][depth], out i8 [pixels][O], scratch [int8_scratch(depth)].
 */
// biome-ignore format: one matrix a line
export function int8_dense(
  out: usize, x: usize, w: usize, b: usize, scales: usize, scratch: usize,
  g: Geometry, q: Quantised, depth: i32, first: i32, count: i32,
): void {
  int8_gemm(out + <usize>first, g.outC, g.outH * g.outW, count, depth, x, depth, w, b, scales, q, scratch);
}

/** Any convolution. x i8 [inH][inW][I], w i8 [O][kH][kW][I], out i8 [outH][outW][O]. */
// biome-ignore format: one matrix a line
export function int8_conv2d(
  out: usize, x: usize, w: usize, b: usize, scales: usize, scratch: usize, g: Geometry, q: Quantised,
): void {
  const pixels = g.outH * g.outW;
  const strip = strip_pixels(g);
  const bytes = window_bytes(g);
  const columns = scratch + <usize>int8_scratch(depth_of(g));
  for (let p = 0; p < pixels; p += strip) {
    const count = min(strip, pixels - p);
    let oy = p / g.outW;
    let ox = p % g.outW;
    for (let i = 0; i < count; i++) {
      window(columns + <usize>(i * bytes), x, g, oy, ox, q.xZero);
      if (++ox == g.outW) {
        ox = 0;
        ++oy;
      }
    }
    int8_gemm(out + <usize>(p * g.outC), g.outC, count, g.outC, depth_of(g), columns, bytes, w, b, scales, q, scratch);
  }
}

/** Copies the window of one pixel of the output. */
function window(to: usize, x: usize, g: Geometry, oy: i32, ox: i32, zero: i32): void {
  const C = g.inC;
  const row = row_floats(g);
  const ix = ox * g.strideW - g.padLeft;
  const left = max(-ix, 0) * C;
  const right = min(g.inW - ix, g.kernelW) * C;
  let iy = oy * g.strideH - g.padTop;
  let from = x + (iy * g.inW + ix) * C;
  for (let ky = g.kernelH; ky > 0; ky--) {
    if (left == 0 && right == row && <u32>iy < <u32>g.inH) {
      // The last step writes behind the run, where the next one or nothing is.
      for (let k = 0; k < row; k += 8) store<i64>(to + <usize>k, load<i64>(from + <usize>k));
    } else {
      memory.fill(to, <u8>zero, row);
      if (<u32>iy < <u32>g.inH) memory.copy(to + <usize>left, from + <usize>left, right - left);
    }
    to += <usize>row;
    from += g.inW * C;
    iy++;
  }
}
