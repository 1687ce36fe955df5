/**
 * Numbers of 8 bits: a value is (q - zero) * scale. Sums of products of such numbers are integers, exact in 32 bits and
 * the same in whatever order they are added; what follows is the one place where something is rounded:
 *
 *   y = clamp(round(float(sum) * factor), low, high) + zero         factor = (scale of x / scale of y) * scale of w
 *
 * in single precision, to the nearest number, ties to even (as ONNX Runtime does it): one multiplication, and equal bits
 * on every machine and in every binary. Rounding is the addition of 1.5 * 2^23, whose last bit has the value 1.
 *
 * A sum is bias + sum of (x - zero) * w. The bias is kept so far inside of 32 bits that no sum can leave them, whatever the
 * order: one at the end of the range, as the channels have whose weights are all but zero, saturates.
 */

/** What a kernel knows of the numbers of its input and output. */
@unmanaged
export class Quantised {
  /** Of the input. */
  xScale: f32;
  xZero: i32;
  /** Of the second input of an addition. */
  x2Scale: f32;
  x2Zero: i32;
  /** Of the output; low and high count from its zero point. */
  scale: f32;
  zero: i32;
  low: f32;
  high: f32;

  /** Limits of the output: 8 bits, and the activation. */
  limit(activation: i32, limit: f32): void {
    this.low = activation ? 0 : <f32>-128 - <f32>this.zero;
    this.high = <f32>127 - <f32>this.zero;
    if (activation) this.high = min<f32>(this.high, nearest<f32>(limit / this.scale));
  }
}

/** `limit`, for tests. */
export function int8_limits(q: Quantised, activation: i32, limit: f32): void {
  q.limit(activation, limit);
}

/** 1.5 * 2^23, and its bits. */
const ROUND: f32 = 12582912;
const ROUND_BITS: i32 = 0x4b400000;

/** y as above, in the low 8 bits; what is no number becomes `low`. */
export function quantise(x: f32, low: f32, high: f32, zero: i32): i32 {
  x = low < x ? x : low;
  return reinterpret<i32>((high < x ? high : x) + ROUND) + zero;
}

/** Four of them, or four times as many; zero: that of the output, less ROUND_BITS. */
export class Four {
  /**
   * y in 32 bits, without the upper limit: the bits of a float that is no rounded one are those of a larger number, so that
   * it is enough to limit y (narrow).
   */
  @inline
  static quantise(x: v128, low: v128, round: v128, zero: v128): v128 {
    return i32x4.add(f32x4.add(f32x4.pmax(low, x), round), zero);
  }

  /** The same for a sum. */
  @inline
  static sum(sum: v128, factor: v128, low: v128, round: v128, zero: v128): v128 {
    return Four.quantise(f32x4.mul(f32x4.convert_i32x4_s(sum), factor), low, round, zero);
  }

  /** y of sixteen, in 8 bits; high: its upper limit. */
  @inline
  static narrow(a: v128, b: v128, c: v128, d: v128, high: v128): v128 {
    return i8x16.min_s(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)), high);
  }

  @inline
  static round(): v128 {
    return f32x4.splat(ROUND);
  }

  @inline
  static zero(zero: i32): v128 {
    return i32x4.splat(zero - ROUND_BITS);
  }

  @inline
  static high(high: f32, zero: i32): v128 {
    return i8x16.splat(<i8>quantise(high, high, high, zero));
  }
}

/** Where the sums of a channel with `depth` weights start. */
export function start_of(bias: i32, depth: i32): i32 {
  const most = 0x7fffffff - depth * (255 * 128);
  return max(-most, min(most, bias));
}

/** factor as above, for a weight's scale. */
export function factor_of(q: Quantised, scale: f32): f32 {
  return (q.xScale / q.scale) * scale;
}

/** What a tile takes of the output, with SIMD: loading it is quicker than to make it of single numbers each time. */
export const LIMITS: usize = ASC_FEATURE_SIMD ? memory.data(64, 16) : 0;

/** Writes low, the number that rounds, zero and high, each for all lanes. */
export function write_limits(q: Quantised): void {
  v128.store(LIMITS, f32x4.splat(q.low));
  v128.store(LIMITS, Four.round(), 16);
  v128.store(LIMITS, Four.zero(q.zero), 32);
  v128.store(LIMITS, Four.high(q.high, q.zero), 48);
}

/** Starts and, behind them, factors of eight channels, with SIMD; b and scales may be there already. */
export function eight_constants(to: usize, b: usize, scales: usize, depth: i32, q: Quantised): void {
  const most = 0x7fffffff - depth * (255 * 128);
  const high = i32x4.splat(most);
  const low = i32x4.splat(-most);
  const factor = f32x4.splat(q.xScale / q.scale);
  for (const end = to + 32; to < end; to += 16) {
    v128.store(to, i32x4.max_s(low, i32x4.min_s(high, v128.load(b))));
    v128.store(to, f32x4.mul(factor, v128.load(scales)), 32);
    b += 16;
    scales += 16;
  }
}

/** Byte n of a word. */
export class Byte {
  @inline
  static at(word: i32, n: i32): i32 {
    return n == 3 ? word >> 24 : <i32>(<i8>(word >> (n << 3)));
  }
}

/** out = x in 8 bits. out i8 [n], x f32 [n]; out may begin where x does. */
export function quantise_all(out: usize, x: usize, n: i32, scale: f32, zero: i32): void {
  const low = <f32>-128 - <f32>zero;
  const high = <f32>127 - <f32>zero;
  if (ASC_FEATURE_SIMD) {
    const lows = f32x4.splat(low);
    const highs = Four.high(high, zero);
    const zeros = Four.zero(zero);
    const scales = f32x4.splat(scale);
    for (; n >= 8; n -= 8) {
      const first = Four.quantise(f32x4.div(v128.load(x), scales), lows, Four.round(), zeros);
      const second = Four.quantise(f32x4.div(v128.load(x, 16), scales), lows, Four.round(), zeros);
      v128.store64_lane(out, Four.narrow(first, second, first, second, highs), 0);
      out += 8;
      x += 32;
    }
  }
  for (; n > 0; n--) {
    store<u8>(out, quantise(load<f32>(x) / scale, low, high, zero));
    out++;
    x += 4;
  }
}

/** out = x as floats. out f32 [n], x i8 [n]; x may be the last quarter of out. */
export function dequantise_all(out: usize, x: usize, n: i32, scale: f32, zero: i32): void {
  if (ASC_FEATURE_SIMD) {
    const zeros = i16x8.splat(<i16>zero);
    const factor = f32x4.splat(scale);
    for (; n >= 8; n -= 8) {
      const eight = i16x8.sub(v128.load_ext<i8>(x), zeros);
      v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(eight)), factor));
      v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(eight)), factor), 16);
      out += 32;
      x += 8;
    }
  }
  for (; n > 0; n--) {
    store<f32>(out, <f32>(<i32>load<i8>(x) - zero) * scale);
    out += 4;
    x++;
  }
}

/** The same for n numbers, each with a scale of its own, and none taken off. */
export function dequantise_each(out: usize, x: usize, n: i32, scales: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (; n >= 4; n -= 4) {
      const four = i32x4.extend_low_i16x8_s(v128.load_ext<i8>(x));
      v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(four), v128.load(scales)));
      out += 16;
      x += 4;
      scales += 16;
    }
  }
  for (; n > 0; n--) {
    store<f32>(out, <f32>(<i32>load<i8>(x)) * load<f32>(scales));
    out += 4;
    x++;
    scales += 4;
  }
}

/** out = activation(a + b), n numbers; out may be a or b. */
export function add_int8(out: usize, a: usize, b: usize, n: i32, q: Quantised): void {
  const fa = q.xScale / q.scale;
  const fb = q.x2Scale / q.scale;
  const za = q.xZero;
  const zb = q.x2Zero;
  const end = out + <usize>n;
  if (ASC_FEATURE_SIMD) {
    const block = out + (<usize>n & ~7);
    const low = f32x4.splat(q.low);
    const high = Four.high(q.high, q.zero);
    const zero = Four.zero(q.zero);
    while (out < block) {
      const x = i16x8.sub(v128.load_ext<i8>(a), i16x8.splat(<i16>za));
      const y = i16x8.sub(v128.load_ext<i8>(b), i16x8.splat(<i16>zb));
      const s = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(x)), f32x4.splat(fa));
      const t = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(x)), f32x4.splat(fa));
      const u = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(y)), f32x4.splat(fb));
      const v = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(y)), f32x4.splat(fb));
      const first = Four.quantise(f32x4.add(s, u), low, Four.round(), zero);
      const second = Four.quantise(f32x4.add(t, v), low, Four.round(), zero);
      v128.store64_lane(out, Four.narrow(first, second, first, second, high), 0);
      out += 8;
      a += 8;
      b += 8;
    }
  }
  while (out < end) {
    const sum = <f32>(<i32>load<i8>(a) - za) * fa + <f32>(<i32>load<i8>(b) - zb) * fb;
    store<u8>(out, quantise(sum, q.low, q.high, q.zero));
    out++;
    a++;
    b++;
  }
}
