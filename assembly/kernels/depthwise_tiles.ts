/**
 * The inner loops of the depthwise convolution, forward and transposed: lines of outputs (depthwise_line.ts).
 *
 * A tile is 4 outputs of a line, a piece of 3, 2 or 1 taps along it, and a loop over the taps across: neighbouring
 * outputs read the same places, so a turn of the loop needs few loads. With 3 taps:
 *
 *     w0 w1 w2             loads: 3 of the weights, 6 of the source, for 12 products
 *   +-------------------+
 *   | x0 x1 x2 x3 x4 x5 |  a0 += x0 w0 + x1 w1 + x2 w2
 *   +-------------------+  a1 += x1 w0 + x2 w1 + x3 w2
 *     \--a0--/             a2 += x2 w0 + x3 w1 + x4 w2
 *        \--a1--/          a3 += x3 w0 + x4 w1 + x5 w2
 *           ...
 *
 * V8 moves all loads of a turn before its arithmetic: 4 sums and 9 loads fit its 15 registers. In the SIMD binary each
 * is 4 channels. The scalar binary takes 2 channels at once (b0 to b3): interpreters pay for an instruction, not for
 * registers, and the second channel has the addresses of the first.
 */
import { Line } from './depthwise_line';
import { Lanes } from './math';

/** Outputs of a tile. */
export const TILE: i32 = 4;

/** Channels' bytes of a tile. */
export const WIDTH: i32 = ASC_FEATURE_SIMD ? 16 : 8;

/** Channels' bytes of a line that are computed before the next ones: their weights stay in the first-level cache. */
const BLOCK: i32 = 256;

/** A piece of 3 taps, for as many of the channels as fill tiles. At least TILE outputs. */
export function tiles3(l: Line): void {
  if (ASC_FEATURE_SIMD) Tile.pass<v128>(l, true);
  else Tile.pass<f32>(l, true);
}

/** A piece of 2 taps, one of 1 tap, or both. */
export function tiles21(l: Line): void {
  if (ASC_FEATURE_SIMD) Tile.pass<v128>(l, false);
  else Tile.pass<f32>(l, false);
}

class Tile {
  @inline
  static pass<V>(l: Line, three: bool): void {
    const pair = !isVector<V>();
    const outStep = l.outStep;
    const initStep = l.initStep;
    const across = l.across;
    const srcAlong = l.srcAlong;
    const srcAcross = l.srcAcross;
    const wAlong = l.wAlong;
    const wAcross = l.wAcross;
    const first2 = l.first2;
    const first1 = l.first1;
    const bytes = l.bytes & -WIDTH;
    const clips = l.low > -Infinity;
    const low = Lanes.splat<V>(l.low);
    const high = Lanes.splat<V>(l.high);
    // From one place that a tile reads to the next.
    const p1 = l.step * srcAlong;
    const q1 = l.step * wAlong;
    // The piece of 3 or 2 taps, and from there to that of 1.
    const first = three ? l.first3 : first2 >= 0 ? first2 : first1;
    let srcFirst = l.src + first * srcAlong;
    let wFirst = l.w + first * wAlong;
    let src1 = (first1 - first) * srcAlong;
    let w1 = (first1 - first) * wAlong;
    if (ASC_FEATURE_SIMD) {
      // By way of memory: else V8 multiplies again for each tile.
      l.srcFirst = srcFirst;
      l.wFirst = wFirst;
      l.src1 = src1;
      l.w1 = w1;
      srcFirst = l.srcFirst;
      wFirst = l.wFirst;
      src1 = l.src1;
      w1 = l.w1;
    }
    let block = 0;
    do {
      const stop = min(block + BLOCK, bytes);
      let out = l.out;
      let init = l.init;
      let src = srcFirst;
      let left = l.n;
      let skip = 0;
      do {
        if (left < TILE) {
          // The last tile begins earlier, and leaves alone what it computes again.
          skip = TILE - left;
          out -= skip * outStep;
          init -= skip * initStep;
          src -= skip * p1;
          left = TILE;
        }
        for (let c = block; c < stop; c += WIDTH) {
          let a0 = Lanes.splat<V>(0);
          let a1 = a0;
          let a2 = a0;
          let a3 = a0;
          let b0 = a0;
          let b1 = a0;
          let b2 = a0;
          let b3 = a0;
          if (init) {
            let from = init + c;
            a0 = load<V>(from);
            if (pair) b0 = load<V>(from, sizeof<V>());
            a1 = a0;
            a2 = a0;
            a3 = a0;
            b1 = b0;
            b2 = b0;
            b3 = b0;
            if (initStep) {
              from += initStep;
              a1 = load<V>(from);
              if (pair) b1 = load<V>(from, sizeof<V>());
              from += initStep;
              a2 = load<V>(from);
              if (pair) b2 = load<V>(from, sizeof<V>());
              from += initStep;
              a3 = load<V>(from);
              if (pair) b3 = load<V>(from, sizeof<V>());
            }
          }
          if (three) {
            let row = src + c;
            let weights = wFirst + c;
            let k = across;
            do {
              const u0 = load<V>(weights);
              const v0 = pair ? load<V>(weights, sizeof<V>()) : u0;
              weights += q1;
              const u1 = load<V>(weights);
              const v1 = pair ? load<V>(weights, sizeof<V>()) : u1;
              weights += q1;
              const u2 = load<V>(weights);
              const v2 = pair ? load<V>(weights, sizeof<V>()) : u2;
              const x0 = load<V>(row);
              const y0 = pair ? load<V>(row, sizeof<V>()) : x0;
              row += p1;
              const x1 = load<V>(row);
              const y1 = pair ? load<V>(row, sizeof<V>()) : x1;
              row += p1;
              const x2 = load<V>(row);
              const y2 = pair ? load<V>(row, sizeof<V>()) : x2;
              row += p1;
              const x3 = load<V>(row);
              const y3 = pair ? load<V>(row, sizeof<V>()) : x3;
              row += p1;
              const x4 = load<V>(row);
              const y4 = pair ? load<V>(row, sizeof<V>()) : x4;
              row += p1;
              const x5 = load<V>(row);
              const y5 = pair ? load<V>(row, sizeof<V>()) : x5;
              a0 = Lanes.mulAdd<V>(a0, x0, u0);
              a1 = Lanes.mulAdd<V>(a1, x1, u0);
              a2 = Lanes.mulAdd<V>(a2, x2, u0);
              a3 = Lanes.mulAdd<V>(a3, x3, u0);
              a0 = Lanes.mulAdd<V>(a0, x1, u1);
              a1 = Lanes.mulAdd<V>(a1, x2, u1);
              a2 = Lanes.mulAdd<V>(a2, x3, u1);
              a3 = Lanes.mulAdd<V>(a3, x4, u1);
              a0 = Lanes.mulAdd<V>(a0, x2, u2);
              a1 = Lanes.mulAdd<V>(a1, x3, u2);
              a2 = Lanes.mulAdd<V>(a2, x4, u2);
              a3 = Lanes.mulAdd<V>(a3, x5, u2);
              if (pair) {
                b0 = Lanes.mulAdd<V>(b0, y0, v0);
                b1 = Lanes.mulAdd<V>(b1, y1, v0);
                b2 = Lanes.mulAdd<V>(b2, y2, v0);
                b3 = Lanes.mulAdd<V>(b3, y3, v0);
                b0 = Lanes.mulAdd<V>(b0, y1, v1);
                b1 = Lanes.mulAdd<V>(b1, y2, v1);
                b2 = Lanes.mulAdd<V>(b2, y3, v1);
                b3 = Lanes.mulAdd<V>(b3, y4, v1);
                b0 = Lanes.mulAdd<V>(b0, y2, v2);
                b1 = Lanes.mulAdd<V>(b1, y3, v2);
                b2 = Lanes.mulAdd<V>(b2, y4, v2);
                b3 = Lanes.mulAdd<V>(b3, y5, v2);
              }
              row += srcAcross - 5 * p1;
              weights += wAcross - 2 * q1;
            } while (--k);
          }
          if (!three && first2 >= 0) {
            let row = src + c;
            let weights = wFirst + c;
            let k = across;
            do {
              const u0 = load<V>(weights);
              const v0 = pair ? load<V>(weights, sizeof<V>()) : u0;
              weights += q1;
              const u1 = load<V>(weights);
              const v1 = pair ? load<V>(weights, sizeof<V>()) : u1;
              const x0 = load<V>(row);
              const y0 = pair ? load<V>(row, sizeof<V>()) : x0;
              row += p1;
              const x1 = load<V>(row);
              const y1 = pair ? load<V>(row, sizeof<V>()) : x1;
              row += p1;
              const x2 = load<V>(row);
              const y2 = pair ? load<V>(row, sizeof<V>()) : x2;
              row += p1;
              const x3 = load<V>(row);
              const y3 = pair ? load<V>(row, sizeof<V>()) : x3;
              row += p1;
              const x4 = load<V>(row);
              const y4 = pair ? load<V>(row, sizeof<V>()) : x4;
              a0 = Lanes.mulAdd<V>(a0, x0, u0);
              a1 = Lanes.mulAdd<V>(a1, x1, u0);
              a2 = Lanes.mulAdd<V>(a2, x2, u0);
              a3 = Lanes.mulAdd<V>(a3, x3, u0);
              a0 = Lanes.mulAdd<V>(a0, x1, u1);
              a1 = Lanes.mulAdd<V>(a1, x2, u1);
              a2 = Lanes.mulAdd<V>(a2, x3, u1);
              a3 = Lanes.mulAdd<V>(a3, x4, u1);
              if (pair) {
                b0 = Lanes.mulAdd<V>(b0, y0, v0);
                b1 = Lanes.mulAdd<V>(b1, y1, v0);
                b2 = Lanes.mulAdd<V>(b2, y2, v0);
                b3 = Lanes.mulAdd<V>(b3, y3, v0);
                b0 = Lanes.mulAdd<V>(b0, y1, v1);
                b1 = Lanes.mulAdd<V>(b1, y2, v1);
                b2 = Lanes.mulAdd<V>(b2, y3, v1);
                b3 = Lanes.mulAdd<V>(b3, y4, v1);
              }
              row += srcAcross - 4 * p1;
              weights += wAcross - 1 * q1;
            } while (--k);
          }
          if (!three && first1 >= 0) {
            let row = src + c + src1;
            let weights = wFirst + c + w1;
            let k = across;
            do {
              const u0 = load<V>(weights);
              const v0 = pair ? load<V>(weights, sizeof<V>()) : u0;
              const x0 = load<V>(row);
              const y0 = pair ? load<V>(row, sizeof<V>()) : x0;
              row += p1;
              const x1 = load<V>(row);
              const y1 = pair ? load<V>(row, sizeof<V>()) : x1;
              row += p1;
              const x2 = load<V>(row);
              const y2 = pair ? load<V>(row, sizeof<V>()) : x2;
              row += p1;
              const x3 = load<V>(row);
              const y3 = pair ? load<V>(row, sizeof<V>()) : x3;
              a0 = Lanes.mulAdd<V>(a0, x0, u0);
              a1 = Lanes.mulAdd<V>(a1, x1, u0);
              a2 = Lanes.mulAdd<V>(a2, x2, u0);
              a3 = Lanes.mulAdd<V>(a3, x3, u0);
              if (pair) {
                b0 = Lanes.mulAdd<V>(b0, y0, v0);
                b1 = Lanes.mulAdd<V>(b1, y1, v0);
                b2 = Lanes.mulAdd<V>(b2, y2, v0);
                b3 = Lanes.mulAdd<V>(b3, y3, v0);
              }
              row += srcAcross - 3 * p1;
              weights += wAcross;
            } while (--k);
          }
          if (clips) {
            a0 = Lanes.clip<V>(a0, low, high);
            a1 = Lanes.clip<V>(a1, low, high);
            a2 = Lanes.clip<V>(a2, low, high);
            a3 = Lanes.clip<V>(a3, low, high);
            if (pair) {
              b0 = Lanes.clip<V>(b0, low, high);
              b1 = Lanes.clip<V>(b1, low, high);
              b2 = Lanes.clip<V>(b2, low, high);
              b3 = Lanes.clip<V>(b3, low, high);
            }
          }
          let to = out + c;
          if (!skip) {
            store<V>(to, a0);
            if (pair) store<V>(to, b0, sizeof<V>());
          }
          to += outStep;
          if (skip < 2) {
            store<V>(to, a1);
            if (pair) store<V>(to, b1, sizeof<V>());
          }
          to += outStep;
          if (skip < 3) {
            store<V>(to, a2);
            if (pair) store<V>(to, b2, sizeof<V>());
          }
          to += outStep;
          store<V>(to, a3);
          if (pair) store<V>(to, b3, sizeof<V>());
        }
        out += TILE * outStep;
        init += TILE * initStep;
        src += TILE * p1;
        left -= TILE;
      } while (left);
      block = stop;
    } while (block < bytes);
  }
}
