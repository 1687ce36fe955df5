/**
 * Fully connected layer on one vector: each weight is used once, so that there is nothing to tile or pack. Where weights
 * are read, a call may have those of `count` outputs from `first` on alone (as in pointwise.ts).
 */
import { Geometry } from './geometry';
import { Lanes } from './math';
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
    add_scaled(dx, load<f32>(dy), w, inputs);
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
    add_scaled(dw, load<f32>(dy + (o << 2)), x, inputs);
    dw += (<usize>inputs) << 2;
  }
}

/** Sum of u[i] * v[i], as four sums over every fourth i that are added at the end: the same in both binaries. */
function dot(u: usize, v: usize, n: i32): f32 {
  let s0: f32 = 0;
  let s1: f32 = 0;
  let s2: f32 = 0;
  let s3: f32 = 0;
  if (ASC_FEATURE_SIMD) {
    let sums = f32x4.splat(0);
    for (; n >= 4; n -= 4) {
      sums = Lanes.mulAdd<v128>(sums, v128.load(u), v128.load(v));
      u += 16;
      v += 16;
    }
    s0 = f32x4.extract_lane(sums, 0);
    s1 = f32x4.extract_lane(sums, 1);
    s2 = f32x4.extract_lane(sums, 2);
    s3 = f32x4.extract_lane(sums, 3);
  } else {
    for (; n >= 4; n -= 4) {
      s0 += load<f32>(u) * load<f32>(v);
      s1 += load<f32>(u, 4) * load<f32>(v, 4);
      s2 += load<f32>(u, 8) * load<f32>(v, 8);
      s3 += load<f32>(u, 12) * load<f32>(v, 12);
      u += 16;
      v += 16;
    }
  }
  for (; n > 0; n--) {
    s0 += load<f32>(u) * load<f32>(v);
    u += 4;
    v += 4;
  }
  return s0 + s1 + (s2 + s3);
}

/** y[i] += a * x[i]. */
function add_scaled(y: usize, a: f32, x: usize, n: i32): void {
  if (ASC_FEATURE_SIMD) {
    const s = f32x4.splat(a);
    for (; n >= 4; n -= 4) {
      v128.store(y, Lanes.mulAdd<v128>(v128.load(y), s, v128.load(x)));
      y += 16;
      x += 16;
    }
  } else {
    for (; n >= 4; n -= 4) {
      store<f32>(y, load<f32>(y) + a * load<f32>(x));
      store<f32>(y, load<f32>(y, 4) + a * load<f32>(x, 4), 4);
      store<f32>(y, load<f32>(y, 8) + a * load<f32>(x, 8), 8);
      store<f32>(y, load<f32>(y, 12) + a * load<f32>(x, 12), 12);
      y += 16;
      x += 16;
    }
  }
  for (; n > 0; n--) {
    store<f32>(y, load<f32>(y) + a * load<f32>(x));
    y += 4;
    x += 4;
  }
}
