/**
 * Peak of a machine: independent chains of multiply and add in registers, without a load; twelve, so that the latency of
 * none is waited for. Four lanes with SIMD, one without. A kernel's speed is stated as a share of what this reaches.
 */
import { Lanes } from './kernels/math';

/** Multiply-accumulates of one round of `probe`: chains times lanes. */
export function width(): i32 {
  return ASC_FEATURE_SIMD ? 48 : 12;
}

/** Runs n rounds; the result depends on all chains, so that none can be left out. */
export function probe(n: i32, u: f32, v: f32): f32 {
  return ASC_FEATURE_SIMD ? probe_lanes(n, u, v) : probe_scalar(n, u, v);
}

// biome-ignore format: one chain a line
function probe_lanes(n: i32, u: f32, v: f32): f32 {
  const x = f32x4.splat(u);
  const y = f32x4.splat(v);
  let a = x, b = x, c = x, d = x, e = x, f = x;
  let g = x, h = x, i = x, j = x, k = x, l = x;
  do {
    a = Lanes.mulAdd<v128>(y, a, x);
    b = Lanes.mulAdd<v128>(y, b, x);
    c = Lanes.mulAdd<v128>(y, c, x);
    d = Lanes.mulAdd<v128>(y, d, x);
    e = Lanes.mulAdd<v128>(y, e, x);
    f = Lanes.mulAdd<v128>(y, f, x);
    g = Lanes.mulAdd<v128>(y, g, x);
    h = Lanes.mulAdd<v128>(y, h, x);
    i = Lanes.mulAdd<v128>(y, i, x);
    j = Lanes.mulAdd<v128>(y, j, x);
    k = Lanes.mulAdd<v128>(y, k, x);
    l = Lanes.mulAdd<v128>(y, l, x);
  } while (--n);
  a = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
  e = f32x4.add(f32x4.add(e, f), f32x4.add(g, h));
  i = f32x4.add(f32x4.add(i, j), f32x4.add(k, l));
  return f32x4.extract_lane(f32x4.add(f32x4.add(a, e), i), 0);
}

// biome-ignore format: one chain a line
function probe_scalar(n: i32, x: f32, y: f32): f32 {
  let a = x, b = x, c = x, d = x, e = x, f = x;
  let g = x, h = x, i = x, j = x, k = x, l = x;
  do {
    a = a * x + y;
    b = b * x + y;
    c = c * x + y;
    d = d * x + y;
    e = e * x + y;
    f = f * x + y;
    g = g * x + y;
    h = h * x + y;
    i = i * x + y;
    j = j * x + y;
    k = k * x + y;
    l = l * x + y;
  } while (--n);
  return a + b + c + d + e + f + g + h + i + j + k + l;
}
