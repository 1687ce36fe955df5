/**
 * Pointwise convolution: a kernel of 1x1, stride 1, no padding. Each pixel is a row of a matrix product. Where weights
 * are read, a call may have those of `count` output channels from `first` on alone: the calls of all slices, in order,
 * give the bits of one call with everything.
 */
import { ADD, gemm, gemm_scratch, RESUME, WRITE } from './gemm';
import { Geometry } from './geometry';
import { linear_backward_input, linear_backward_weight, linear_forward } from './linear';
import { K_BLOCK } from './tile';

/** Bytes of scratch that the three kernels need at most. */
export function pointwise_scratch(g: Geometry): i32 {
  return gemm_scratch(max(max(g.inC, g.outC), g.outH * g.outW));
}

/**
 * out = clip(x * transpose(w) + b), for the channels of the slice.
 * out [pixels][O], x [pixels][I], w [count][I], b [count], scratch [pointwise_scratch(g)].
 */
export function pointwise_forward(
  out: usize,
  x: usize,
  w: usize,
  b: usize,
  scratch: usize,
  g: Geometry,
  first: i32,
  count: i32,
): void {
  const pixels = g.outH * g.outW;
  if (pixels == 1) {
    linear_forward(out, x, w, b, scratch, g, first, count);
    return;
  }
  const outRow = (<usize>g.outC) << 2;
  const inRow = (<usize>g.inC) << 2;
  const low: f32 = g.activation ? 0 : -Infinity;
  const high: f32 = g.activation ? g.limit : Infinity;
  out += (<usize>first) << 2;
  gemm(out, outRow, pixels, count, g.inC, x, inRow, 4, 0, w, 4, inRow, b, WRITE, low, high, scratch);
}

/**
 * dx (+)= dy * w, the terms of the slice's channels; later slices are added to the first.
 * dx [pixels][I], dy [pixels][O], w [count][I], scratch [pointwise_scratch(g)].
 */
export function pointwise_backward_input(
  dx: usize,
  dy: usize,
  w: usize,
  scratch: usize,
  g: Geometry,
  accumulate: bool,
  first: i32,
  count: i32,
): void {
  const pixels = g.outH * g.outW;
  if (pixels == 1) {
    linear_backward_input(dx, dy, w, scratch, g, accumulate, first, count);
    return;
  }
  const inRow = (<usize>g.inC) << 2;
  const outRow = (<usize>g.outC) << 2;
  const sum = accumulate || first > 0 ? RESUME : WRITE;
  dy += (<usize>first) << 2;
  gemm(dx, inRow, pixels, g.inC, count, dy, outRow, 4, 0, w, inRow, 4, 0, sum, -Infinity, Infinity, scratch);
}

/** True if the weight gradient adds to every element of dw once: then its terms were added to each other before. */
export function pointwise_adds_once(g: Geometry): bool {
  return g.outH * g.outW <= K_BLOCK;
}

/**
 * dw += transpose(dy) * x, for the listed output channels.
 * dw [n][I], dy [pixels][O], x [pixels][I], scratch [pointwise_scratch(g)], channels u16 [n], or 0: all, n = O.
 */
export function pointwise_backward_weight(
  dw: usize,
  dy: usize,
  x: usize,
  scratch: usize,
  g: Geometry,
  channels: usize,
  n: i32,
): void {
  const pixels = g.outH * g.outW;
  if (pixels == 1) {
    linear_backward_weight(dw, dy, x, scratch, g, channels, n);
    return;
  }
  const inRow = (<usize>g.inC) << 2;
  const outRow = (<usize>g.outC) << 2;
  gemm(dw, inRow, n, g.inC, pixels, dy, 4, outRow, channels, x, inRow, 4, 0, ADD, -Infinity, Infinity, scratch);
}
