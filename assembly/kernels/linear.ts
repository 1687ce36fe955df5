/**
 * Fully connected layer on one vector: each weight is used once, so that there is nothing to tile or pack. Where weights
 * are read, a call may have those of `count` outputs from `first` on alone (as in pointwise.ts).
 */
import { Geometry } from './geometry';
import { axpy, dot } from './math';
import { clip } from './tile';

/** Bytes of scratch that the three kernels need: none. */
export function linear_scratch(g: Geometry): i32 {
  return 0;
}

/**
 * out = clip(w * x + b), x in height, width, channel order, for the outputs of the slice.
 * out [O], x [I], w [count][I], b [count], I = inH * inW * inC.
 */
export function linear_forward(
  out: usize,
  x: usize,
  w: usize,
  b: usize,
  scratch: usize,
  g: Geometry,
  first: i32,
  count: i32,
): void {
  const inputs = g.inH * g.inW * g.inC;
  const low: f32 = g.activation ? 0 : -Infinity;
  const high: f32 = g.activation ? g.limit : Infinity;
  out += (<usize>first) << 2;
  for (let o = count; o > 0; o--) {
    store<f32>(out, clip(load<f32>(b) + dot(w, x, inputs), low, high));
    out += 4;
    b += 4;
    w += (<usize>inputs) << 2;
  }
}

/**
 * dx (+)= transpose(w) * dy, the terms of the slice's outputs; later slices are added to the first.
 * dx [I], dy [O], w [count][I].
 */
export function linear_backward_input(
  dx: usize,
  dy: usize,
  w: usize,
  scratch: usize,
  g: Geometry,
  accumulate: bool,
  first: i32,
  count: i32,
): void {
  const inputs = g.inH * g.inW * g.inC;
  const bytes = (<usize>inputs) << 2;
  if (!accumulate && first == 0) memory.fill(dx, 0, bytes);
  dy += (<usize>first) << 2;
  for (let o = count; o > 0; o--) {
    axpy(dx, load<f32>(dy), w, inputs);
    dy += 4;
    w += bytes;
  }
}

/**
 * dw += dy * transpose(x), for the listed outputs.
 * dw [n][I], dy [O], x [I], channels u16 [n], or 0: all, n = O.
 */
export function linear_backward_weight(
  dw: usize,
  dy: usize,
  x: usize,
  scratch: usize,
  g: Geometry,
  channels: usize,
  n: i32,
): void {
  const inputs = g.inH * g.inW * g.inC;
  for (let i = 0; i < n; i++) {
    const o = channels ? <usize>load<u16>(channels + ((<usize>i) << 1)) : <usize>i;
    axpy(dw, load<f32>(dy + (o << 2)), x, inputs);
    dw += (<usize>inputs) << 2;
  }
}
