/**
 * Lines of outputs of the depthwise convolution (depthwise.ts): side by side in a row of the image, or one below the
 * other in a column. `along` is the dimension of the line, `across` the other one.
 */
import { tiles3, tiles21, WIDTH } from './depthwise_tiles';
import { Lanes } from './math';

/** A line of outputs that read the same taps; steps in bytes. */
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
  /** Limits of the activation; none if low is -Infinity. */
  low: f32;
  high: f32;
  /** The pieces of a pass of tiles: the first tap of the piece of 3, 2 and 1 taps, or -1. */
  first3: i32;
  first2: i32;
  first1: i32;
  /** Of a pass: source and weights of its first piece, and from there to the piece of 1 tap. */
  srcFirst: usize;
  wFirst: usize;
  src1: i32;
  w1: i32;
}

/**
 * At least TILE outputs, in tiles. With a step of 2 the even taps come first, then the odd ones: each of these are
 * neighbours in the columns that they read, so tiles are the same as with a step of 1. They are
 * cut into pieces, 5 into 3 + 2, 7 into 3 + 2 + 2: a pass is one of 3 taps, or of 2, 1 or both. Between passes the sums
 * rest in the output.
 */
export function inTiles(l: Line): void {
  const step = l.step;
  const along = l.along;
  const low = l.low;
  const phases = min(step, along);
  l.low = -Infinity;
  l.first3 = -1;
  l.first2 = -1;
  l.first1 = -1;
  for (let phase = 0; phase < phases; phase++) {
    let t = phase;
    do {
      const left = (along - t + step - 1) / step;
      const taps = left > 4 ? 3 : left == 4 ? 2 : left;
      // What is collected goes first, unless it is 2 taps and this is the 1 that goes with them.
      if (l.first1 >= 0 || (l.first2 >= 0 && taps > 1)) pass(l);
      if (taps == 3) l.first3 = t;
      else if (taps == 2) l.first2 = t;
      else l.first1 = t;
      t += taps * step;
      if (t >= along && phase + 1 == phases) l.low = low;
      if (taps == 3) pass(l);
    } while (t < along);
  }
  if (l.first2 >= 0 || l.first1 >= 0) pass(l);
}

/** The pieces that were collected: channels that fill tiles, then those that are left over. */
function pass(l: Line): void {
  if (l.first3 >= 0) tiles3(l);
  else tiles21(l);
  const done = l.bytes & -WIDTH;
  if (done < l.bytes) {
    const low = l.low;
    l.low = -Infinity;
    piece(l, 3, l.first3, done);
    piece(l, 2, l.first2, done);
    piece(l, 1, l.first1, done);
    l.low = low;
    if (low > -Infinity) piece(l, 0, 0, done);
  }
  l.init = l.out;
  l.initStep = l.outStep;
  l.first3 = -1;
  l.first2 = -1;
  l.first1 = -1;
}

/** A piece of a pass, for the channels from byte `from` on. */
function piece(l: Line, taps: i32, first: i32, from: i32): void {
  if (first < 0) return;
  const src = l.src;
  const srcAlong = l.srcAlong;
  const w = l.w;
  const wAlong = l.wAlong;
  const along = l.along;
  l.src += first * srcAlong;
  l.w += first * wAlong;
  l.srcAlong *= l.step;
  l.wAlong *= l.step;
  l.along = taps;
  singles(l, from);
  l.init = l.out;
  l.initStep = l.outStep;
  l.src = src;
  l.w = w;
  l.srcAlong = srcAlong;
  l.wAlong = wAlong;
  l.along = along;
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
    const high = Lanes.splat<V>(l.low > -Infinity ? l.high : Infinity);
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
      if (l.low > -Infinity) sum = Lanes.clip<V>(sum, Lanes.splat<V>(l.low), Lanes.splat<V>(l.high));
      store<V>(out + c, sum);
    }
    return c;
  }
}
