/**
 * int8 layers whose channels go by themselves: depthwise convolution and pooling, window by window. The taps inside the
 * image count; one outside of it is x = zero, which adds nothing.
 */
import { Geometry } from './geometry';
import { Byte, factor_of, Quantised, quantise, start_of } from './int8';
import { int8_depthwise_eights } from './int8_depthwise';

/**
 * Depthwise convolution. x i8 [inH][inW][C], w i8 [kH][kW][C], out i8 [outH][outW][C], scratch as
 * `int8_depthwise_scratch` says.
 */
// biome-ignore format: one matrix a line
export function int8_depthwise(
  out: usize, x: usize, w: usize, b: usize, scales: usize, scratch: usize, g: Geometry, q: Quantised,
): void {
  if (ASC_FEATURE_SIMD && g.inC >= 8) {
    int8_depthwise_eights(out, x, w, b, scales, scratch, g, q);
    return;
  }
  const area = g.kernelH * g.kernelW;
  const C = g.inC;
  const factors = scratch + (max(C, 4) << 2);
  for (let c = 0; c < C; c++) {
    store<i32>(scratch + (c << 2), start_of(load<i32>(b + (c << 2)), area));
    store<f32>(factors + (c << 2), factor_of(q, load<f32>(scales + (c << 2))));
  }
  windows(out, x, w, scratch, g, q, false, false);
}

/** Max pooling: the padding counts as minus infinity. Input and output have one scale. */
export function int8_maxpool(out: usize, x: usize, g: Geometry, q: Quantised): void {
  windows(out, x, 0, 0, g, q, true, false);
}

/** Average pooling, global too; with includePad a sum is divided by all taps, else by those inside. */
export function int8_avgpool(out: usize, x: usize, g: Geometry, q: Quantised, includePad: bool): void {
  windows(out, x, 0, 0, g, q, false, includePad);
}

/** All windows: weighted sums (w, starts and factors), maxima or means. */
// biome-ignore format: one matrix a line
function windows(
  out: usize, x: usize, w: usize, constants: usize, g: Geometry, q: Quantised, maxima: bool, includePad: bool,
): void {
  const C = g.inC;
  const zero = q.xZero;
  const imageRow = g.inW * C;
  const kernelRow = g.kernelW * C;
  for (let oy = 0; oy < g.outH; oy++) {
    const y0 = oy * g.strideH - g.padTop;
    const top = max(-y0, 0);
    const rows = min(g.inH - y0, g.kernelH) - top;
    for (let ox = 0; ox < g.outW; ox++) {
      const x0 = ox * g.strideW - g.padLeft;
      const left = max(-x0, 0);
      const columns = min(g.inW - x0, g.kernelW) - left;
      const from = x + ((y0 + top) * imageRow + (x0 + left) * C);
      const weights = w + (top * kernelRow + left * C);
      const taps = includePad ? g.kernelH * g.kernelW : rows * columns;
      if (!ASC_FEATURE_SIMD && w) {
        fours(out, from, weights, constants, rows, columns, g, q);
        out += C;
        continue;
      }
      let factor: f32 = maxima ? 1 : q.xScale / q.scale / <f32>taps;
      for (let c = 0; c < C; c++) {
        let s = from + <usize>c;
        let sum = 0;
        if (ASC_FEATURE_SIMD && w) {
          // With SIMD, so few channels are rare.
          const at = constants + ((<usize>c) << 2);
          sum = load<i32>(at);
          factor = load<f32>(at + ((<usize>max(C, 4)) << 2));
          let t = weights + <usize>c;
          for (let ky = rows; ky > 0; ky--) {
            for (let kx = columns; kx > 0; kx--) {
              sum += ((<i32>load<i8>(s)) - zero) * <i32>load<i8>(t);
              s += C;
              t += C;
            }
            s += imageRow - columns * C;
            t += kernelRow - columns * C;
          }
        } else {
          if (maxima) sum = -255;
          for (let ky = rows; ky > 0; ky--) {
            for (let kx = columns; kx > 0; kx--) {
              const value = (<i32>load<i8>(s)) - zero;
              sum = maxima ? max(sum, value) : sum + value;
              s += C;
            }
            s += imageRow - columns * C;
          }
        }
        store<u8>(out, quantise(<f32>sum * factor, q.low, q.high, q.zero));
        out++;
      }
    }
  }
}

/**
 * Depthwise convolution of a pixel, four channels at a time: a word of x, a word of w. Of the last channels, some may go
 * twice; of fewer than four, words reach into what lies behind.
 */
// biome-ignore format: one matrix a line
function fours(
  out: usize, x: usize, w: usize, constants: usize, rows: i32, columns: i32, g: Geometry, q: Quantised,
): void {
  const C = g.inC;
  const zero = q.xZero;
  const low = q.low;
  const high = q.high;
  const zeroOut = q.zero;
  const down = (g.inW - columns) * C;
  const next = (g.kernelW - columns) * C;
  const factors = constants + (max(C, 4) << 2);
  for (let i = 0; i < C; i += 4) {
    const c = max(min(i, C - 4), 0);
    const at = constants + (c << 2);
    let a0 = load<i32>(at);
    let a1 = load<i32>(at, 4);
    let a2 = load<i32>(at, 8);
    let a3 = load<i32>(at, 12);
    let s = x + <usize>c;
    let t = w + <usize>c;
    let ky = rows;
    do {
      let kx = columns;
      do {
        const u = load<i32>(s);
        s += C;
        const v = load<i32>(t);
        t += C;
        a0 += (Byte.at(u, 0) - zero) * Byte.at(v, 0);
        a1 += (Byte.at(u, 1) - zero) * Byte.at(v, 1);
        a2 += (Byte.at(u, 2) - zero) * Byte.at(v, 2);
        a3 += (Byte.at(u, 3) - zero) * Byte.at(v, 3);
      } while (--kx);
      s += down;
      t += next;
    } while (--ky);
    const f = factors + (c << 2);
    const to = out + <usize>c;
    store<u8>(to, quantise(<f32>a0 * load<f32>(f), low, high, zeroOut));
    if (C == 1) break;
    store<u8>(to, quantise(<f32>a1 * load<f32>(f, 4), low, high, zeroOut), 1);
    if (C == 2) break;
    store<u8>(to, quantise(<f32>a2 * load<f32>(f, 8), low, high, zeroOut), 2);
    if (C == 3) break;
    store<u8>(to, quantise(<f32>a3 * load<f32>(f, 12), low, high, zeroOut), 3);
  }
}
