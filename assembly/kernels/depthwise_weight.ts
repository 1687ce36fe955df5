/**
 * Weight gradient of the depthwise convolution, for all channels or for a list of them.
 *
 * Four channels fill a register, neighbours or not: the channels of a sparse list are gathered lane by lane, so that
 * a list pays for itself only. A register of x is worth more uses the dearer its gather is: for one row of the
 * kernel, a window of up to 7 columns of x slides along the image,
 *
 *   dw[ky, 0..6] += dy[oy, ox] * (x0 x1 x2 x3 x4 x5 x6)      x0..x6: columns ox * stride - pad + (0..6) of row iy
 *                                  <- one column a step, `stride` steps to the next ox
 *
 * with the window and its sums in registers: one load of dy and `stride` of x for 7 multiplications. A column outside
 * the image is a zero in the window. Sums leave the registers after a band of output rows, chosen so that what the
 * channels of one cache line touch in a band stays in the first-level cache from one ky and one register to the next.
 */
import { Geometry } from './geometry';
import { Lanes } from './math';

/** Columns of x that a band may touch: times a cache line of 64 bytes, half of a usual first-level cache. */
const BAND = 256;

/**
 * dw[j, ky, kx] += Σ_oy,ox dy[oy, ox, c] * x[oy * strideH - padTop + ky, ox * strideW - padLeft + kx, c], c = channels[j].
 * dw: [n][kernelH][kernelW], dy: [outH][outW][C], x: [inH][inW][C], channels: [n] rising, or 0 for all (n = C)
 */
export function depthwise_backward_weight(dw: usize, dy: usize, x: usize, g: Geometry, channels: usize, n: i32): void {
  const band = max(1, BAND / (g.inW * g.strideH));
  const filter = (g.kernelH * g.kernelW) << 2;
  for (let oy = 0; oy < g.outH; oy += band) {
    const oyEnd = min(oy + band, g.outH);
    if (ASC_FEATURE_SIMD) {
      for (let j = 0; j < n; j += 4) block<v128>(dw + j * filter, dy, x, g, channels, j, min(4, n - j), oy, oyEnd);
    } else {
      for (let j = 0; j < n; j++) block<f32>(dw + j * filter, dy, x, g, channels, j, 1, oy, oyEnd);
    }
  }
}

/** Byte offset of row j's channel in a position. */
function offset(channels: usize, j: i32): i32 {
  return (channels ? <i32>load<u16>(channels + (j << 1)) : j) << 2;
}

/** One register of channels, `count` of them wanted, and a band of output rows; dw: [count][kernelH][kernelW]. */
function block<V>(
  dw: usize,
  dy: usize,
  x: usize,
  g: Geometry,
  channels: usize,
  j: i32,
  count: i32,
  oy: i32,
  oyEnd: i32,
): void {
  // Offsets of lanes 1 to 3 from lane 0; a lane that is not wanted repeats the last, and is not stored.
  const first = offset(channels, j);
  const o1 = offset(channels, j + min(1, count - 1)) - first;
  const o2 = offset(channels, j + min(2, count - 1)) - first;
  const o3 = offset(channels, j + min(3, count - 1)) - first;
  const kernelW = g.kernelW;
  for (let ky = 0; ky < g.kernelH; ky++) {
    let kx = 0;
    while (kx < kernelW) {
      const left = kernelW - kx;
      const at = dw + ((ky * kernelW + kx) << 2);
      if (left >= 7) {
        Row.sums<V>(7, at, dy + first, x + first, g, o1, o2, o3, count, oy, oyEnd, ky, kx);
        kx += 7;
      } else if (left >= 5) {
        Row.sums<V>(5, at, dy + first, x + first, g, o1, o2, o3, count, oy, oyEnd, ky, kx);
        kx += 5;
      } else if (left >= 3) {
        Row.sums<V>(3, at, dy + first, x + first, g, o1, o2, o3, count, oy, oyEnd, ky, kx);
        kx += 3;
      } else {
        Row.sums<V>(1, at, dy + first, x + first, g, o1, o2, o3, count, oy, oyEnd, ky, kx);
        kx += 1;
      }
    }
  }
}

class Row {
  /**
   * Taps kx to kx + taps - 1 of kernel row ky. `taps` is a constant where this is inlined, so that the window and the
   * sums that it does not need disappear.
   */
  @inline
  static sums<V>(
    taps: i32,
    dw: usize,
    dy: usize,
    x: usize,
    g: Geometry,
    o1: i32,
    o2: i32,
    o3: i32,
    count: i32,
    oy: i32,
    oyEnd: i32,
    ky: i32,
    kx: i32,
  ): void {
    const zero = Lanes.splat<V>(0);
    const pixel = g.inC << 2;
    const inW = g.inW;
    const outW = g.outW;
    const stride = g.strideW;
    let a0 = zero;
    let a1 = zero;
    let a2 = zero;
    let a3 = zero;
    let a4 = zero;
    let a5 = zero;
    let a6 = zero;
    for (; oy < oyEnd; oy++) {
      const iy = oy * g.strideH - g.padTop + ky;
      if (<u32>iy >= <u32>g.inH) continue;
      // x1..x6 are the newest columns: a window of n taps ends at x6 and starts at x(7 - n).
      let x0 = zero;
      let x1 = zero;
      let x2 = zero;
      let x3 = zero;
      let x4 = zero;
      let x5 = zero;
      let x6 = zero;
      let column = kx - g.padLeft;
      let from = x + (iy * inW + column) * pixel;
      let gradient = dy + oy * outW * pixel;
      let steps = taps;
      for (let ox = 0; ox < outW; ox++) {
        do {
          if (taps > 6) x0 = x1;
          if (taps > 5) x1 = x2;
          if (taps > 4) x2 = x3;
          if (taps > 3) x3 = x4;
          if (taps > 2) x4 = x5;
          if (taps > 1) x5 = x6;
          x6 = <u32>column < <u32>inW ? Row.pick<V>(from, o1, o2, o3) : zero;
          column++;
          from += pixel;
        } while (--steps);
        steps = stride;
        const d = Row.pick<V>(gradient, o1, o2, o3);
        gradient += pixel;
        if (taps > 6) a0 = Lanes.mulAdd<V>(a0, x0, d);
        if (taps > 5) a1 = Lanes.mulAdd<V>(a1, x1, d);
        if (taps > 4) a2 = Lanes.mulAdd<V>(a2, x2, d);
        if (taps > 3) a3 = Lanes.mulAdd<V>(a3, x3, d);
        if (taps > 2) a4 = Lanes.mulAdd<V>(a4, x4, d);
        if (taps > 1) a5 = Lanes.mulAdd<V>(a5, x5, d);
        a6 = Lanes.mulAdd<V>(a6, x6, d);
      }
    }
    const filter = (g.kernelH * g.kernelW) << 2;
    if (taps > 6) addLanes<V>(dw + ((taps - 7) << 2), a0, filter, count);
    if (taps > 5) addLanes<V>(dw + ((taps - 6) << 2), a1, filter, count);
    if (taps > 4) addLanes<V>(dw + ((taps - 5) << 2), a2, filter, count);
    if (taps > 3) addLanes<V>(dw + ((taps - 4) << 2), a3, filter, count);
    if (taps > 2) addLanes<V>(dw + ((taps - 3) << 2), a4, filter, count);
    if (taps > 1) addLanes<V>(dw + ((taps - 2) << 2), a5, filter, count);
    addLanes<V>(dw + ((taps - 1) << 2), a6, filter, count);
  }

  /** The channels of one position: one load where they are neighbours. */
  @inline
  static pick<V>(at: usize, o1: i32, o2: i32, o3: i32): V {
    if (isVector<V>()) {
      return o3 == 12
        ? v128.load(at)
        : v128.load32_lane(
            at + o3,
            v128.load32_lane(at + o2, v128.load32_lane(at + o1, v128.load32_zero(at), 1), 2),
            3,
          );
    } else {
      return load<f32>(at);
    }
  }
}

/** Adds each wanted lane of `sums` to its channel's filter. */
function addLanes<V>(dw: usize, sums: V, filter: i32, count: i32): void {
  if (isVector<V>()) {
    store<f32>(dw, load<f32>(dw) + f32x4.extract_lane(sums, 0));
    if (count < 2) return;
    dw += filter;
    store<f32>(dw, load<f32>(dw) + f32x4.extract_lane(sums, 1));
    if (count < 3) return;
    dw += filter;
    store<f32>(dw, load<f32>(dw) + f32x4.extract_lane(sums, 2));
    if (count < 4) return;
    dw += filter;
    store<f32>(dw, load<f32>(dw) + f32x4.extract_lane(sums, 3));
  } else {
    store<f32>(dw, load<f32>(dw) + sums);
  }
}
