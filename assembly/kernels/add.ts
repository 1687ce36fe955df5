import { Geometry } from './geometry';
import { axpy, Lanes } from './math';

/**
 * out = activation(a + b). out may be a or b.
 * out, a, b: [n]
 */
export function add_forward(out: usize, a: usize, b: usize, n: i32, g: Geometry): void {
  const low: f32 = g.activation ? 0 : -Infinity;
  const high: f32 = g.activation ? g.limit : Infinity;
  const end = out + ((<usize>n) << 2);
  if (ASC_FEATURE_SIMD) {
    const block = out + ((<usize>n & ~3) << 2);
    const lows = f32x4.splat(low);
    const highs = f32x4.splat(high);
    while (out < block) {
      v128.store(out, Lanes.clip<v128>(f32x4.add(v128.load(a), v128.load(b)), lows, highs));
      out += 16;
      a += 16;
      b += 16;
    }
  }
  while (out < end) {
    store<f32>(out, Lanes.clip<f32>(load<f32>(a) + load<f32>(b), low, high));
    out += 4;
    a += 4;
    b += 4;
  }
}

/**
 * dst += src: the gradient of one more use of a value.
 * dst, src: [n]
 */
export function accumulate(dst: usize, src: usize, n: i32): void {
  axpy(dst, 1, src, n);
}
