/**
 * Weight gradient of the depthwise convolution, for all channels or for a list of them.
 *
 * The work is cut into one row of the kernel (ky), 2 or 3 of its taps, two registers of channels, and a band of output
 * rows: then all sums stay in registers, and what the channels of one cache line touch stays in the first-level cache
 * from one ky and one register to the next. Positions whose taps are all inside the image take no test:
 *
 *     a0..a2 += dy[oy, ox] * x[iy, ix .. ix + 2]      ix = ox * stride - pad + kx
 *     b0..b2 += the same of the second register
 *
 * Scalar: a register is one channel, any two of the list are a pair. SIMD: eight neighbouring channels are a pair; those
 * of a list that are no neighbours are packed first (depthwise_packed.ts). All add a channel's products in the same
 * order, so which of them is used never shows.
 */
import { packed, packs } from './depthwise_packed';
import { addSums, SUMS, sums } from './depthwise_sums';
import { Geometry } from './geometry';
import { Lanes } from './math';

/** Columns of x that a band may touch: times a cache line of 64 bytes, half of a usual first-level cache. */
const BAND = 256;

/** Output rows of a band. */
function band_rows(g: Geometry): i32 {
  return max(1, BAND / (g.inW * g.strideH));
}

/** True if the weight gradient adds to every element of dw once: then its terms were added to each other before. */
export function depthwise_adds_once(g: Geometry): bool {
  return g.outH <= band_rows(g);
}

/**
 * dw[j, ky, kx] += Σ_oy,ox dy[oy, ox, c] * x[iy, ix, c],
 * iy = oy * strideH - padTop + ky, ix = ox * strideW - padLeft + kx, c = channels[j].
 * dw: [n][kernelH][kernelW], dy: [outH][outW][C], x: [inH][inW][C], channels: [n] rising, or 0 for all (n = C)
 */
export function depthwise_backward_weight(dw: usize, dy: usize, x: usize, g: Geometry, channels: usize, n: i32): void {
  const band = band_rows(g);
  const filter = (g.kernelH * g.kernelW) << 2;
  for (let oy = 0; oy < g.outH; oy += band) {
    const oyEnd = min(oy + band, g.outH);
    let j = 0;
    while (j < n) {
      const at = dw + j * filter;
      const first = offset(channels, j);
      if (ASC_FEATURE_SIMD) {
        // Which of the next eight channels are wanted. From four on, computing all eight costs less than to pack them.
        let wanted = channels ? 0 : 255;
        let count = channels ? 0 : min(8, n - j);
        while (count < 8 && j + count < n) {
          const lane = (offset(channels, j + count) - first) >> 2;
          if (lane > 7) break;
          wanted |= 1 << lane;
          count++;
        }
        if (count > 3 && g.kernelH * g.kernelW <= SUMS && first + 32 <= g.inC << 2) {
          pair<v128>(at, dy + first, x + first, g, 16, wanted, oy, oyEnd);
          const area = g.kernelH * g.kernelW;
          addSums(addSums(at, sums, area, wanted & 15), sums + (SUMS << 4), area, wanted >> 4);
          j += count;
          continue;
        }
        if (packs(g, oyEnd - oy)) {
          const last = min(4, n - j) - 1;
          packed(
            at,
            dy + first,
            x + first,
            g,
            offset(channels, j + min(1, last)) - first,
            offset(channels, j + min(2, last)) - first,
            offset(channels, j + last) - first,
            (2 << last) - 1,
            oy,
            oyEnd,
          );
          j += 4;
          continue;
        }
      }
      const count = min(2, n - j);
      pair<f32>(at, dy + first, x + first, g, offset(channels, j + count - 1) - first, count == 2 ? 3 : 1, oy, oyEnd);
      j += 2;
    }
  }
}

/** Byte offset of row j's channel in a position. */
function offset(channels: usize, j: i32): i32 {
  return (channels ? <i32>load<u16>(channels + (j << 1)) : j) << 2;
}

/**
 * Two registers of channels, `other` bytes apart. Bits of `wanted` say which channels have a row of dw.
 * dw: [wanted channels][kernelH][kernelW]
 */
function pair<V>(dw: usize, dy: usize, x: usize, g: Geometry, other: i32, wanted: i32, oy: i32, oyEnd: i32): void {
  let kx = 0;
  while (kx < g.kernelW) {
    const left = g.kernelW - kx;
    // 5 taps as 3 and 2, 7 as 3, 2 and 2: three are the most whose sums and loads fit the registers. Taps that the kernel
    // doesn't have are thrown away: without SIMD, where small code counts, there are three each time.
    if (!isVector<V>() || left == 3 || left >= 5) {
      Taps.pair<V>(3, dw, dy, x, g, other, wanted, oy, oyEnd, kx);
      kx += 3;
    } else {
      Taps.pair<V>(2, dw, dy, x, g, other, wanted, oy, oyEnd, kx);
      kx += 2;
    }
  }
}

/** The innermost loops. `taps` is a constant where they are inlined, so that what it does not need disappears. */
class Taps {
  /** Taps kx to kx + taps - 1 of every kernel row, two registers of channels. */
  @inline
  static pair<V>(
    taps: i32,
    dw: usize,
    dy: usize,
    x: usize,
    g: Geometry,
    other: i32,
    wanted: i32,
    oy: i32,
    oyEnd: i32,
    kx: i32,
  ): void {
    const zero = Lanes.splat<V>(0);
    const pixel = g.inC << 2;
    const step = g.strideW * pixel;
    const inW = g.inW;
    const outW = g.outW;
    // All taps are inside the image for ox in [start, end).
    const lead = g.padLeft - kx;
    const room = inW - taps + lead;
    const start = min(outW, max(0, (lead + g.strideW - 1) / g.strideW));
    const end = max(start, room < 0 ? 0 : min(outW, room / g.strideW + 1));
    const filter = (g.kernelH * g.kernelW) << 2;
    for (let ky = 0; ky < g.kernelH; ky++) {
      let a0 = zero;
      let a1 = zero;
      let a2 = zero;
      let b0 = zero;
      let b1 = zero;
      let b2 = zero;
      for (let row = oy; row < oyEnd; row++) {
        const iy = row * g.strideH - g.padTop + ky;
        if (<u32>iy >= <u32>g.inH) continue;
        let from = x + (iy * inW - lead) * pixel;
        let gradient = dy + row * outW * pixel;
        let ox = 0;
        while (ox < outW) {
          if (ox == start) {
            if (!ASC_FEATURE_SIMD && g.strideW == 1) {
              // Two positions a turn: few operations of an interpreter for each product.
              const p2 = 2 * pixel;
              const p3 = 3 * pixel;
              for (; ox < end - 1; ox += 2) {
                let d0 = load<V>(gradient);
                let d1 = load<V>(gradient + pixel);
                let x0 = load<V>(from);
                let x1 = load<V>(from + pixel);
                let x2 = load<V>(from + p2);
                let x3 = taps > 2 ? load<V>(from + p3) : x0;
                a0 = Lanes.mulAdd<V>(Lanes.mulAdd<V>(a0, x0, d0), x1, d1);
                a1 = Lanes.mulAdd<V>(Lanes.mulAdd<V>(a1, x1, d0), x2, d1);
                if (taps > 2) a2 = Lanes.mulAdd<V>(Lanes.mulAdd<V>(a2, x2, d0), x3, d1);
                const at = from + other;
                const to = gradient + other;
                d0 = load<V>(to);
                d1 = load<V>(to + pixel);
                x0 = load<V>(at);
                x1 = load<V>(at + pixel);
                x2 = load<V>(at + p2);
                x3 = taps > 2 ? load<V>(at + p3) : x0;
                b0 = Lanes.mulAdd<V>(Lanes.mulAdd<V>(b0, x0, d0), x1, d1);
                b1 = Lanes.mulAdd<V>(Lanes.mulAdd<V>(b1, x1, d0), x2, d1);
                if (taps > 2) b2 = Lanes.mulAdd<V>(Lanes.mulAdd<V>(b2, x2, d0), x3, d1);
                from += p2;
                gradient += p2;
              }
            }
            for (; ox < end; ox++) {
              const d = load<V>(gradient);
              const e = load<V>(gradient + other);
              let at = from;
              a0 = Lanes.mulAdd<V>(a0, load<V>(at), d);
              b0 = Lanes.mulAdd<V>(b0, load<V>(at + other), e);
              at += pixel;
              a1 = Lanes.mulAdd<V>(a1, load<V>(at), d);
              b1 = Lanes.mulAdd<V>(b1, load<V>(at + other), e);
              if (taps > 2) {
                at += pixel;
                a2 = Lanes.mulAdd<V>(a2, load<V>(at), d);
                b2 = Lanes.mulAdd<V>(b2, load<V>(at + other), e);
              }
              from += step;
              gradient += pixel;
            }
            if (ox >= outW) break;
          }
          const d = load<V>(gradient);
          const e = load<V>(gradient + other);
          let at = from;
          let column = ox * g.strideW - lead;
          if (<u32>column < <u32>inW) {
            a0 = Lanes.mulAdd<V>(a0, load<V>(at), d);
            b0 = Lanes.mulAdd<V>(b0, load<V>(at + other), e);
          }
          at += pixel;
          if (<u32>++column < <u32>inW) {
            a1 = Lanes.mulAdd<V>(a1, load<V>(at), d);
            b1 = Lanes.mulAdd<V>(b1, load<V>(at + other), e);
          }
          if (taps > 2) {
            at += pixel;
            if (<u32>++column < <u32>inW) {
              a2 = Lanes.mulAdd<V>(a2, load<V>(at), d);
              b2 = Lanes.mulAdd<V>(b2, load<V>(at + other), e);
            }
          }
          from += step;
          gradient += pixel;
          ox++;
        }
      }
      const tap = ky * g.kernelW + kx;
      Taps.put<V>(dw, tap, a0, b0, filter, wanted > 1);
      if (kx + 1 < g.kernelW) Taps.put<V>(dw, tap + 1, a1, b1, filter, wanted > 1);
      if (taps > 2 && kx + 2 < g.kernelW) Taps.put<V>(dw, tap + 2, a2, b2, filter, wanted > 1);
    }
  }

  /**
   * One tap of two registers: added to dw where they are single channels, `filter` bytes apart, the second of them only
   * if `both`; kept for depthwise_sums.ts else.
   */
  @inline
  static put<V>(dw: usize, tap: i32, a: V, b: V, filter: i32, both: bool): void {
    if (isVector<V>()) {
      const to = sums + (tap << 4);
      store<V>(to, a);
      store<V>(to, b, SUMS << 4);
    } else {
      const to = dw + (tap << 2);
      store<f32>(to, load<f32>(to) + a);
      if (both) store<f32>(to + filter, load<f32>(to + filter) + b);
    }
  }
}
