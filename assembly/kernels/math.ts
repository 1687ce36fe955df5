/**
 * Arithmetic that several kernels share. `Lanes` is a register of floats: a kernel written over V is compiled for
 * f32 (one float: the scalar binary, and what four channels leave over) and for v128 (four, the SIMD binary), with
 * the same operations in the same order, so that both binaries give equal bits.
 */
export class Lanes {
  @inline
  static splat<V>(x: f32): V {
    if (isVector<V>()) return f32x4.splat(x);
    else return x;
  }

  /**
   * sum + a * b, rounded twice: WebAssembly has no fused form that is the same everywhere. The relaxed binary, whose
   * results may differ between machines, takes the form that is rounded once where the machine has it.
   */
  @inline
  static mulAdd<V>(sum: V, a: V, b: V): V {
    if (isVector<V>()) {
      if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, sum);
      return f32x4.add(sum, f32x4.mul(a, b));
    } else return sum + a * b;
  }

  /** x between low and high; a NaN stays one, so that a diverged run is seen. */
  @inline
  static clip<V>(x: V, low: V, high: V): V {
    if (isVector<V>()) return f32x4.pmin(f32x4.pmax(x, low), high);
    else {
      const raised = x < low ? low : x;
      return high < raised ? high : raised;
    }
  }
}

/**
 * Σ a[i] * b[i], in four partial sums, added at the end: shorter chains of additions, a smaller rounding error, and the
 * same in both binaries.
 * a, b: [n]
 */
export function dot(a: usize, b: usize, n: i32): f32 {
  let s0: f32 = 0;
  let s1: f32 = 0;
  let s2: f32 = 0;
  let s3: f32 = 0;
  if (ASC_FEATURE_SIMD) {
    let sums = f32x4.splat(0);
    for (; n >= 4; n -= 4) {
      sums = Lanes.mulAdd<v128>(sums, v128.load(a), v128.load(b));
      a += 16;
      b += 16;
    }
    s0 = f32x4.extract_lane(sums, 0);
    s1 = f32x4.extract_lane(sums, 1);
    s2 = f32x4.extract_lane(sums, 2);
    s3 = f32x4.extract_lane(sums, 3);
  } else {
    for (; n >= 4; n -= 4) {
      s0 += load<f32>(a) * load<f32>(b);
      s1 += load<f32>(a, 4) * load<f32>(b, 4);
      s2 += load<f32>(a, 8) * load<f32>(b, 8);
      s3 += load<f32>(a, 12) * load<f32>(b, 12);
      a += 16;
      b += 16;
    }
  }
  for (; n > 0; n--) {
    s0 += load<f32>(a) * load<f32>(b);
    a += 4;
    b += 4;
  }
  return s0 + s1 + (s2 + s3);
}

/**
 * y += alpha * x, BLAS's axpy.
 * y, x: [n]
 */
export function axpy(y: usize, alpha: f32, x: usize, n: i32): void {
  const end = y + ((<usize>n) << 2);
  if (ASC_FEATURE_SIMD) {
    const block = y + ((<usize>n & ~3) << 2);
    const factor = f32x4.splat(alpha);
    while (y < block) {
      v128.store(y, Lanes.mulAdd<v128>(v128.load(y), factor, v128.load(x)));
      y += 16;
      x += 16;
    }
  }
  while (y < end) {
    store<f32>(y, load<f32>(y) + alpha * load<f32>(x));
    y += 4;
    x += 4;
  }
}

/**
 * x = min(max(factor * x, low), high), in place.
 * x: [n]
 */
export function scaleAndClip(x: usize, factor: f32, low: f32, high: f32, n: i32): void {
  const end = x + ((<usize>n) << 2);
  if (ASC_FEATURE_SIMD) {
    const block = x + ((<usize>n & ~3) << 2);
    const factors = f32x4.splat(factor);
    const lows = f32x4.splat(low);
    const highs = f32x4.splat(high);
    while (x < block) {
      v128.store(x, Lanes.clip<v128>(f32x4.mul(factors, v128.load(x)), lows, highs));
      x += 16;
    }
  }
  while (x < end) {
    store<f32>(x, Lanes.clip<f32>(factor * load<f32>(x), low, high));
    x += 4;
  }
}
