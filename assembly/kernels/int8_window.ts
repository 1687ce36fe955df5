/**
 * int8 layers whose channels go by themselves: depthwise convolution and pooling, window by window. The taps inside the
 * image count; one outside of it is x = zero, which adds nothing.
 */
import { Geometry } from './geometry';
import { factor_of, Quantised, quantise, start_of } from './int8';
import { int8_depthwise_eights } from './int8_depthwise';

/**
 * Depthwise convolution. x i8 [inH][inW][C], w i8 [kH][kW][C], out i8 [outH][outW][C], scratch as
 * `int8_depthwise_scratch` says.
 */
// biome-ignore format: one matrix a line
export function int8_depthwise(
  out: usize, x: usize, w: usize, b: usize, scales: usize, scratch: usize, g: Geometry, q: Quantised,
): void {
  if (ASC_FEATURE_SIMD && g.inC >= 8) int8_depthwise_eights(out, x, w, b, scales, scratch, g, q);
  else {
    const area = g.kernelH * g.kernelW;
    for (let c = 0; c < g.inC; c++) {
      let sum = 0;
      for (let t = 0; t < area; t++) sum += <i32>load<i8>(w + (t * g.inC + c));
      const at = scratch + (c << 3);
      // Back by what was multiplied out: here the terms are (x - zero) * w.
      store<i32>(at, start_of(load<i32>(b + (c << 2)), sum, q.xZero, area) + sum * q.xZero);
      store<f32>(at, factor_of(q, load<f32>(scales + (c << 2))), 4);
    }
    windows(out, x, w, scratch, g, q, false, false);
  }
}

/** Max pooling: the padding counts as minus infinity. Input and output have one scale. */
export function int8_maxpool(out: usize, x: usize, g: Geometry, q: Quantised): void {
  windows(out, x, 0, 0, g, q, true, false);
}

/** Average pooling, global too; with includePad a sum is divided by all taps, else by those inside. */
export function int8_avgpool(out: usize, x: usize, g: Geometry, q: Quantised, includePad: bool): void {
  windows(out, x, 0, 0, g, q, false, includePad);
}

/** All windows: weighted sums (w, and pairs of start and factor), maxima or means. */
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
      let factor: f32 = maxima ? 1 : q.xScale / q.scale / <f32>taps;
      for (let c = 0; c < C; c++) {
        let s = from + <usize>c;
        let sum = 0;
        if (w) {
          const at = constants + ((<usize>c) << 3);
          sum = load<i32>(at);
          factor = load<f32>(at, 4);
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
