/**
 * The inner loops of the depthwise convolution: outputs that share one range of taps, forward or transposed
 * (depthwise.ts), so that no tap is tested here. All of them take, steps in bytes:
 *
 *   out, outStep                 the first output, from one output to the next
 *   init, initStep               what each sum starts from (bias, or the values to add to); 0: zeros
 *   src, srcStep, srcRow, srcTap the first output's first tap, from one output, row of taps, tap to the next
 *   w, wRow, wTap                the weights of the first tap, likewise
 *   n, tapsH, tapsW, bytes       outputs, taps of each, bytes of channels
 *   low, high                    limits of the activation
 *
 * A run of outputs that use every tap is computed in tiles of 3 outputs x 2 registers of channels: six
 * accumulators, two weights loaded a tap for six multiplications, 1.33 loads each:
 *
 *              channels 0-3   4-7          s0..s2, t0..t2: the three outputs' sources at one tap
 *   output 0   a0 += s0 w0    b0 += t0 w1
 *   output 1   a1 += s1 w0    b1 += t1 w1
 *   output 2   a2 += s2 w0    b2 += t2 w1
 *
 * V8 moves a block's loads before its arithmetic, so sums and loads are in registers together: 6 + 8 of 16. With a
 * fourth output two sums live on the stack, and the tile takes 1.2 to 1.5 times as long.
 *
 * Outputs at a border have their range of taps clamped and are computed one by one, 4 registers of channels at a
 * time; so is what the tiles leave over.
 */
import { Lanes } from './math';

/** n outputs that share a range of taps: tiles first, `singles` for what they leave over. */
export function outputs(
  out: usize,
  outStep: i32,
  init: usize,
  initStep: i32,
  src: usize,
  srcStep: i32,
  w: usize,
  n: i32,
  tapsH: i32,
  tapsW: i32,
  srcRow: i32,
  srcTap: i32,
  wRow: i32,
  wTap: i32,
  bytes: i32,
  low: f32,
  high: f32,
): void {
  const tiled = n - (n % 3);
  if (tiled) {
    let done = 0;
    if (ASC_FEATURE_SIMD) {
      done = bytes & ~31;
      tiles<v128>(
        out,
        outStep,
        init,
        initStep,
        src,
        srcStep,
        w,
        tiled,
        tapsH,
        tapsW,
        srcRow,
        srcTap,
        wRow,
        wTap,
        done,
        low,
        high,
      );
    } else {
      done = bytes & ~7;
      tiles<f32>(
        out,
        outStep,
        init,
        initStep,
        src,
        srcStep,
        w,
        tiled,
        tapsH,
        tapsW,
        srcRow,
        srcTap,
        wRow,
        wTap,
        done,
        low,
        high,
      );
    }
    if (done < bytes) {
      singles(
        out + done,
        outStep,
        init ? init + done : 0,
        initStep,
        src + done,
        srcStep,
        w + done,
        tiled,
        tapsH,
        tapsW,
        srcRow,
        srcTap,
        wRow,
        wTap,
        bytes - done,
        low,
        high,
      );
    }
    out += tiled * outStep;
    src += tiled * srcStep;
    if (init) init += tiled * initStep;
  }
  singles(
    out,
    outStep,
    init,
    initStep,
    src,
    srcStep,
    w,
    n - tiled,
    tapsH,
    tapsW,
    srcRow,
    srcTap,
    wRow,
    wTap,
    bytes,
    low,
    high,
  );
}

/** Tiles of 3 outputs x 2 registers; n is a multiple of 3, bytes of two registers. */
function tiles<V>(
  out: usize,
  outStep: i32,
  init: usize,
  initStep: i32,
  src: usize,
  srcStep: i32,
  w: usize,
  n: i32,
  tapsH: i32,
  tapsW: i32,
  srcRow: i32,
  srcTap: i32,
  wRow: i32,
  wTap: i32,
  bytes: i32,
  low: f32,
  high: f32,
): void {
  const bottom = Lanes.splat<V>(low);
  const top = Lanes.splat<V>(high);
  for (; n > 0; n -= 3) {
    for (let c = 0; c < bytes; c += 2 * <i32>sizeof<V>()) {
      let a0 = Lanes.splat<V>(0);
      let a1 = a0;
      let a2 = a0;
      let b0 = a0;
      let b1 = a0;
      let b2 = a0;
      if (init) {
        let from = init + c;
        a0 = load<V>(from);
        b0 = load<V>(from, sizeof<V>());
        from += initStep;
        a1 = load<V>(from);
        b1 = load<V>(from, sizeof<V>());
        from += initStep;
        a2 = load<V>(from);
        b2 = load<V>(from, sizeof<V>());
      }
      let row = src + c;
      let weights = w + c;
      for (let ky = tapsH; ky > 0; ky--) {
        let s = row;
        let tap = weights;
        for (let kx = tapsW; kx > 0; kx--) {
          const w0 = load<V>(tap);
          const w1 = load<V>(tap, sizeof<V>());
          a0 = Lanes.mulAdd<V>(a0, load<V>(s), w0);
          b0 = Lanes.mulAdd<V>(b0, load<V>(s, sizeof<V>()), w1);
          let next = s + srcStep;
          a1 = Lanes.mulAdd<V>(a1, load<V>(next), w0);
          b1 = Lanes.mulAdd<V>(b1, load<V>(next, sizeof<V>()), w1);
          next += srcStep;
          a2 = Lanes.mulAdd<V>(a2, load<V>(next), w0);
          b2 = Lanes.mulAdd<V>(b2, load<V>(next, sizeof<V>()), w1);
          s += srcTap;
          tap += wTap;
        }
        row += srcRow;
        weights += wRow;
      }
      let to = out + c;
      store<V>(to, Lanes.clip<V>(a0, bottom, top));
      store<V>(to, Lanes.clip<V>(b0, bottom, top), sizeof<V>());
      to += outStep;
      store<V>(to, Lanes.clip<V>(a1, bottom, top));
      store<V>(to, Lanes.clip<V>(b1, bottom, top), sizeof<V>());
      to += outStep;
      store<V>(to, Lanes.clip<V>(a2, bottom, top));
      store<V>(to, Lanes.clip<V>(b2, bottom, top), sizeof<V>());
    }
    out += 3 * outStep;
    src += 3 * srcStep;
    if (init) init += 3 * initStep;
  }
}

/** n outputs, one by one: four registers of channels at a time, then one, then single channels. */
function singles(
  out: usize,
  outStep: i32,
  init: usize,
  initStep: i32,
  src: usize,
  srcStep: i32,
  w: usize,
  n: i32,
  tapsH: i32,
  tapsW: i32,
  srcRow: i32,
  srcTap: i32,
  wRow: i32,
  wTap: i32,
  bytes: i32,
  low: f32,
  high: f32,
): void {
  for (; n > 0; n--) {
    let c = 0;
    if (ASC_FEATURE_SIMD) {
      c = fours<v128>(out, init, src, w, tapsH, tapsW, srcRow, srcTap, wRow, wTap, bytes, low, high);
      c = ones<v128>(c, out, init, src, w, tapsH, tapsW, srcRow, srcTap, wRow, wTap, bytes, low, high);
    } else {
      c = fours<f32>(out, init, src, w, tapsH, tapsW, srcRow, srcTap, wRow, wTap, bytes, low, high);
    }
    ones<f32>(c, out, init, src, w, tapsH, tapsW, srcRow, srcTap, wRow, wTap, bytes, low, high);
    out += outStep;
    src += srcStep;
    if (init) init += initStep;
  }
}

/** One output, four registers of channels at a time, while there are four; returns the bytes done. */
function fours<V>(
  out: usize,
  init: usize,
  src: usize,
  w: usize,
  tapsH: i32,
  tapsW: i32,
  srcRow: i32,
  srcTap: i32,
  wRow: i32,
  wTap: i32,
  bytes: i32,
  low: f32,
  high: f32,
): i32 {
  const bottom = Lanes.splat<V>(low);
  const top = Lanes.splat<V>(high);
  let c = 0;
  for (; c + 4 * <i32>sizeof<V>() <= bytes; c += 4 * <i32>sizeof<V>()) {
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
    let weights = w + c;
    for (let ky = tapsH; ky > 0; ky--) {
      let s = row;
      let tap = weights;
      for (let kx = tapsW; kx > 0; kx--) {
        a0 = Lanes.mulAdd<V>(a0, load<V>(s), load<V>(tap));
        a1 = Lanes.mulAdd<V>(a1, load<V>(s, sizeof<V>()), load<V>(tap, sizeof<V>()));
        a2 = Lanes.mulAdd<V>(a2, load<V>(s, 2 * sizeof<V>()), load<V>(tap, 2 * sizeof<V>()));
        a3 = Lanes.mulAdd<V>(a3, load<V>(s, 3 * sizeof<V>()), load<V>(tap, 3 * sizeof<V>()));
        s += srcTap;
        tap += wTap;
      }
      row += srcRow;
      weights += wRow;
    }
    store<V>(out + c, Lanes.clip<V>(a0, bottom, top));
    store<V>(out + c, Lanes.clip<V>(a1, bottom, top), sizeof<V>());
    store<V>(out + c, Lanes.clip<V>(a2, bottom, top), 2 * sizeof<V>());
    store<V>(out + c, Lanes.clip<V>(a3, bottom, top), 3 * sizeof<V>());
  }
  return c;
}

/** One output, one register of channels at a time, from byte c while there is one; returns the bytes done. */
function ones<V>(
  c: i32,
  out: usize,
  init: usize,
  src: usize,
  w: usize,
  tapsH: i32,
  tapsW: i32,
  srcRow: i32,
  srcTap: i32,
  wRow: i32,
  wTap: i32,
  bytes: i32,
  low: f32,
  high: f32,
): i32 {
  for (; c + <i32>sizeof<V>() <= bytes; c += <i32>sizeof<V>()) {
    let sum = init ? load<V>(init + c) : Lanes.splat<V>(0);
    let row = src + c;
    let weights = w + c;
    for (let ky = tapsH; ky > 0; ky--) {
      let s = row;
      let tap = weights;
      for (let kx = tapsW; kx > 0; kx--) {
        sum = Lanes.mulAdd<V>(sum, load<V>(s), load<V>(tap));
        s += srcTap;
        tap += wTap;
      }
      row += srcRow;
      weights += wRow;
    }
    store<V>(out + c, Lanes.clip<V>(sum, Lanes.splat<V>(low), Lanes.splat<V>(high)));
  }
  return c;
}
