/**
 * The inner loops of the depthwise convolution, forward and transposed (depthwise.ts): outputs in a line, that is side
 * by side in a row of the image, or one below the other in a column. `along` is the dimension of the line, `across`
 * the other one.
 *
 * A tile is 4 outputs of a line, as many taps of the kernel along it as there are constants below, and a loop over the
 * taps across: neighbouring outputs read the same places, so a turn of the loop needs few loads. With step 1, 3 taps:
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
 *
 * A kernel of more taps is done in pieces: 5 as 3 + 2, 7 as 3 + 2 + 2. Between pieces the sums rest in the output.
 * Outputs at borders whose taps are clamped in both dimensions are done one by one. So are channels that fill no tile.
 */
import { Lanes } from './math';

/** Outputs of a tile. */
export const TILE: i32 = 4;

/** Channels' bytes of a tile. */
const WIDTH: i32 = ASC_FEATURE_SIMD ? 16 : 8;

/** Channels' bytes of a line that are computed before the next ones: their weights stay in the first-level cache. */
const BLOCK: i32 = 256;

/** A line of outputs; steps in bytes. */
@unmanaged
export class Line {
  /** The first output, from one to the next, and how many. */
  out: usize;
  outStep: i32;
  n: i32;
  /** What sums start from: at each output (as out, with initStep), the same for all (initStep 0), or 0 for zeros. */
  init: usize;
  initStep: i32;
  /** Source of the first output's first tap, from tap to tap along and across. */
  src: usize;
  srcAlong: i32;
  srcAcross: i32;
  /** From output to output: taps, and bytes. */
  step: i32;
  srcStep: i32;
  /** Weight of the first tap, from tap to tap. */
  w: usize;
  wAlong: i32;
  wAcross: i32;
  /** Taps of each output. */
  along: i32;
  across: i32;
  /** Bytes of channels. */
  bytes: i32;
  /** One more tap, so far from the first (tiles of two taps). */
  also: bool;
  alsoSrc: i32;
  alsoW: i32;
  /** Limits of the activation; none if low is -Infinity. */
  low: f32;
  high: f32;
}

/** Taps of the next piece, of the `left` taps of a line: 5 are 3 + 2, 7 are 3 + 2 + 2. With a step of 2 they are the
 * even ones, then the odd ones: each of these are neighbours in the columns that they read, so tiles are the same. */
// @ts-ignore: decorator
@inline
function piece(left: i32, step: i32): i32 {
  if (left <= step) return 1;
  return left <= 2 * step || (left > 3 * step && left <= 4 * step) ? 2 : 3;
}

/** Outputs in tiles, at least TILE of them. Changes the line's fields. */
export function tiles(l: Line): void {
  const step = l.step;
  const along = l.along;
  const low = l.low;
  const high = l.high;
  const src = l.src;
  const w = l.w;
  const srcAlong = l.srcAlong;
  const wAlong = l.wAlong;
  const phases = min(step, along);
  const done = l.bytes & -WIDTH;
  // Three taps with step 2: tiles take the two even ones and the odd one at once.
  const fused = step == 2 && along == 3;
  l.also = fused;
  l.alsoSrc = srcAlong;
  l.alsoW = wAlong;
  l.srcAlong = step * srcAlong;
  l.wAlong = step * wAlong;
  for (let phase = 0; phase < phases; phase++) {
    let t = phase;
    do {
      l.along = piece(along - t, step);
      l.src = src + t * srcAlong;
      l.w = w + t * wAlong;
      t += l.along * step;
      const last = t >= along && phase + 1 == phases;
      l.low = fused || last ? low : -Infinity;
      l.high = fused || last ? high : Infinity;
      if (l.along == 3) tile3(l);
      else if (l.along == 2) tile2(l);
      else if (!fused) tile1(l);
      if (done < l.bytes) {
        l.low = last ? low : -Infinity;
        l.high = last ? high : Infinity;
        singles(l, done);
      }
      l.init = l.out;
      l.initStep = l.outStep;
    } while (t < along);
  }
}

function tile1(l: Line): void {
  if (ASC_FEATURE_SIMD) Tile.run<v128>(l, 1);
  else Tile.run<f32>(l, 1);
}

function tile2(l: Line): void {
  if (ASC_FEATURE_SIMD) Tile.run<v128>(l, 2);
  else Tile.run<f32>(l, 2);
}

function tile3(l: Line): void {
  if (ASC_FEATURE_SIMD) Tile.run<v128>(l, 3);
  else Tile.run<f32>(l, 3);
}

class Tile {
  /** One piece of `taps` taps, a constant where this is inlined. */
  @inline
  static run<V>(l: Line, taps: i32): void {
    const pair = !isVector<V>();
    const outStep = l.outStep;
    const initStep = l.initStep;
    const across = l.across;
    const srcAcross = l.srcAcross;
    const w = l.w;
    const wAcross = l.wAcross;
    const bytes = l.bytes & -WIDTH;
    const clips = l.low > -Infinity;
    const low = Lanes.splat<V>(l.low);
    const high = Lanes.splat<V>(l.high);
    // From the first place that a tile reads to the others.
    const p1 = l.srcAlong;
    const p2 = p1 + p1;
    const p3 = p2 + p1;
    const p4 = p2 + p2;
    const p5 = p4 + p1;
    const q1 = l.wAlong;
    const q2 = q1 + q1;
    let block = 0;
    do {
      const stop = min(block + BLOCK, bytes);
      let out = l.out;
      let init = l.init;
      let src = l.src;
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
          let row = src + c;
          let weights = w + c;
          let k = across;
          do {
            const u0 = load<V>(weights);
            const x0 = load<V>(row);
            const x1 = load<V>(row + p1);
            const x2 = load<V>(row + p2);
            const x3 = load<V>(row + p3);
            const x4 = taps > 1 ? load<V>(row + p4) : x0;
            const x5 = taps > 2 ? load<V>(row + p5) : x0;
            a0 = Lanes.mulAdd<V>(a0, x0, u0);
            a1 = Lanes.mulAdd<V>(a1, x1, u0);
            a2 = Lanes.mulAdd<V>(a2, x2, u0);
            a3 = Lanes.mulAdd<V>(a3, x3, u0);
            if (taps > 1) {
              const u1 = load<V>(weights + q1);
              a0 = Lanes.mulAdd<V>(a0, x1, u1);
              a1 = Lanes.mulAdd<V>(a1, x2, u1);
              a2 = Lanes.mulAdd<V>(a2, x3, u1);
              a3 = Lanes.mulAdd<V>(a3, x4, u1);
            }
            if (taps > 2) {
              const u2 = load<V>(weights + q2);
              a0 = Lanes.mulAdd<V>(a0, x2, u2);
              a1 = Lanes.mulAdd<V>(a1, x3, u2);
              a2 = Lanes.mulAdd<V>(a2, x4, u2);
              a3 = Lanes.mulAdd<V>(a3, x5, u2);
            }
            if (pair) {
              const u0 = load<V>(weights, sizeof<V>());
              const x0 = load<V>(row, sizeof<V>());
              const x1 = load<V>(row + p1, sizeof<V>());
              const x2 = load<V>(row + p2, sizeof<V>());
              const x3 = load<V>(row + p3, sizeof<V>());
              const x4 = taps > 1 ? load<V>(row + p4, sizeof<V>()) : x0;
              const x5 = taps > 2 ? load<V>(row + p5, sizeof<V>()) : x0;
              b0 = Lanes.mulAdd<V>(b0, x0, u0);
              b1 = Lanes.mulAdd<V>(b1, x1, u0);
              b2 = Lanes.mulAdd<V>(b2, x2, u0);
              b3 = Lanes.mulAdd<V>(b3, x3, u0);
              if (taps > 1) {
                const u1 = load<V>(weights + q1, sizeof<V>());
                b0 = Lanes.mulAdd<V>(b0, x1, u1);
                b1 = Lanes.mulAdd<V>(b1, x2, u1);
                b2 = Lanes.mulAdd<V>(b2, x3, u1);
                b3 = Lanes.mulAdd<V>(b3, x4, u1);
              }
              if (taps > 2) {
                const u2 = load<V>(weights + q2, sizeof<V>());
                b0 = Lanes.mulAdd<V>(b0, x2, u2);
                b1 = Lanes.mulAdd<V>(b1, x3, u2);
                b2 = Lanes.mulAdd<V>(b2, x4, u2);
                b3 = Lanes.mulAdd<V>(b3, x5, u2);
              }
            }
            row += srcAcross;
            weights += wAcross;
          } while (--k);
          if (taps == 2 && l.also) {
            row = src + c + l.alsoSrc;
            weights = w + c + l.alsoW;
            k = across;
            do {
              const u0 = load<V>(weights);
              a0 = Lanes.mulAdd<V>(a0, load<V>(row), u0);
              a1 = Lanes.mulAdd<V>(a1, load<V>(row + p1), u0);
              a2 = Lanes.mulAdd<V>(a2, load<V>(row + p2), u0);
              a3 = Lanes.mulAdd<V>(a3, load<V>(row + p3), u0);
              if (pair) {
                const u0 = load<V>(weights, sizeof<V>());
                b0 = Lanes.mulAdd<V>(b0, load<V>(row, sizeof<V>()), u0);
                b1 = Lanes.mulAdd<V>(b1, load<V>(row + p1, sizeof<V>()), u0);
                b2 = Lanes.mulAdd<V>(b2, load<V>(row + p2, sizeof<V>()), u0);
                b3 = Lanes.mulAdd<V>(b3, load<V>(row + p3, sizeof<V>()), u0);
              }
              row += srcAcross;
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
        src += p4;
        left -= TILE;
      } while (left);
      block = stop;
    } while (block < bytes);
  }
}

/** Outputs one by one, channels from byte `from` on: four registers of channels at a time, then one, then one channel. */
export function singles(l: Line, from: i32): void {
  let out = l.out;
  let init = l.init;
  let src = l.src;
  const srcStep = l.srcStep;
  for (let n = l.n; n > 0; n--) {
    let c = from;
    if (ASC_FEATURE_SIMD) {
      c = Single.fours<v128>(l, c, out, init, src);
      c = Single.ones<v128>(l, c, out, init, src);
    } else {
      c = Single.fours<f32>(l, c, out, init, src);
    }
    Single.ones<f32>(l, c, out, init, src);
    out += l.outStep;
    src += srcStep;
    if (init) init += l.initStep;
  }
}

class Single {
  /** One output, four registers of channels at a time, from byte c while there are four; returns the bytes done. */
  @inline
  static fours<V>(l: Line, c: i32, out: usize, init: usize, src: usize): i32 {
    const low = Lanes.splat<V>(l.low);
    const high = Lanes.splat<V>(l.high);
    const along = l.along;
    const srcAlong = l.srcAlong;
    const wAlong = l.wAlong;
    const stop = l.bytes - 4 * <i32>sizeof<V>();
    for (; c <= stop; c += 4 * <i32>sizeof<V>()) {
      let a0 = Lanes.splat<V>(0);
      let a1 = a0;
      let a2 = a0;
      let a3 = a0;
      if (init) {
        a0 = load<V>(init + c);
        a1 = load<V>(init + c, sizeof<V>());
        a2 = load<V>(init + c, 2 * sizeof<V>());
        a3 = load<V>(init + c, 3 * sizeof<V>());
      }
      let row = src + c;
      let weights = l.w + c;
      for (let y = l.across; y > 0; y--) {
        let s = row;
        let tap = weights;
        for (let x = along; x > 0; x--) {
          a0 = Lanes.mulAdd<V>(a0, load<V>(s), load<V>(tap));
          a1 = Lanes.mulAdd<V>(a1, load<V>(s, sizeof<V>()), load<V>(tap, sizeof<V>()));
          a2 = Lanes.mulAdd<V>(a2, load<V>(s, 2 * sizeof<V>()), load<V>(tap, 2 * sizeof<V>()));
          a3 = Lanes.mulAdd<V>(a3, load<V>(s, 3 * sizeof<V>()), load<V>(tap, 3 * sizeof<V>()));
          s += srcAlong;
          tap += wAlong;
        }
        row += l.srcAcross;
        weights += l.wAcross;
      }
      store<V>(out + c, Lanes.clip<V>(a0, low, high));
      store<V>(out + c, Lanes.clip<V>(a1, low, high), sizeof<V>());
      store<V>(out + c, Lanes.clip<V>(a2, low, high), 2 * sizeof<V>());
      store<V>(out + c, Lanes.clip<V>(a3, low, high), 3 * sizeof<V>());
    }
    return c;
  }

  /** One output, one register of channels at a time, from byte c while there is one; returns the bytes done. */
  @inline
  static ones<V>(l: Line, c: i32, out: usize, init: usize, src: usize): i32 {
    for (; c + <i32>sizeof<V>() <= l.bytes; c += <i32>sizeof<V>()) {
      let sum = init ? load<V>(init + c) : Lanes.splat<V>(0);
      let row = src + c;
      let weights = l.w + c;
      for (let y = l.across; y > 0; y--) {
        let s = row;
        let tap = weights;
        for (let x = l.along; x > 0; x--) {
          sum = Lanes.mulAdd<V>(sum, load<V>(s), load<V>(tap));
          s += l.srcAlong;
          tap += l.wAlong;
        }
        row += l.srcAcross;
        weights += l.wAcross;
      }
      store<V>(out + c, Lanes.clip<V>(sum, Lanes.splat<V>(l.low), Lanes.splat<V>(l.high)));
    }
    return c;
  }
}
