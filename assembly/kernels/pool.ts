/**
 * Pooling. A row of channels at one position is contiguous, so every kernel works on whole rows of channels:
 * the vector is over channels, as in the depthwise convolution.
 */
import { Geometry } from './geometry';
import { axpy, Lanes, scaleAndClip } from './math';

/** Lowest value after the activation. */
function low(g: Geometry): f32 {
  return g.activation ? 0 : -Infinity;
}

/** Highest value after the activation. */
function high(g: Geometry): f32 {
  return g.activation ? g.limit : Infinity;
}

/**
 * out = max(out, x), a NaN in x ignored.
 * out, x: [n]
 */
function maximum(out: usize, x: usize, n: i32): void {
  const end = out + ((<usize>n) << 2);
  if (ASC_FEATURE_SIMD) {
    const block = out + ((<usize>n & ~3) << 2);
    while (out < block) {
      v128.store(out, f32x4.pmax(v128.load(out), v128.load(x)));
      out += 16;
      x += 16;
    }
  }
  while (out < end) {
    const value = load<f32>(x);
    if (load<f32>(out) < value) store<f32>(out, value);
    out += 4;
    x += 4;
  }
}

/**
 * out[oy, ox, c] = activation(max over the taps inside the image). Padding counts as minus infinity.
 * out: [outH][outW][C], x: [inH][inW][C]
 */
export function maxpool_forward(out: usize, x: usize, g: Geometry): void {
  maxima(out, x, 0, g);
}

/**
 * dx = or += dy at the first maximum of each window, in row order; found again from x, so that nothing is kept.
 * dx, x: [inH][inW][C], dy: [outH][outW][C]
 */
export function maxpool_backward_input(dx: usize, dy: usize, x: usize, g: Geometry, accumulate: bool): void {
  if (!accumulate) memory.fill(dx, 0, (<usize>(g.inH * g.inW * g.inC)) << 2);
  maxima(dy, x, dx, g);
}

/** The maximum of every window of x, into the small side or, with dx, the small side added to dx where it is. */
function maxima(small: usize, x: usize, dx: usize, g: Geometry): void {
  const channels = g.inC;
  const row = channels << 2;
  for (let oy = 0; oy < g.outH; oy++) {
    const y0 = oy * g.strideH - g.padTop;
    const yEnd = min(y0 + g.kernelH, g.inH);
    const yStart = max(y0, 0);
    for (let ox = 0; ox < g.outW; ox++) {
      const x0 = ox * g.strideW - g.padLeft;
      const xEnd = min(x0 + g.kernelW, g.inW);
      const xStart = max(x0, 0);
      const first = (yStart * g.inW + xStart) * row;
      if (ASC_FEATURE_SIMD && !dx) {
        memory.copy(small, x + first, row);
        for (let iy = yStart; iy < yEnd; iy++) {
          for (let ix = xStart; ix < xEnd; ix++) maximum(small, x + (iy * g.inW + ix) * row, channels);
        }
      } else {
        for (let c = 0; c < row; c += 4) {
          let best = first + c;
          let most = load<f32>(x + best);
          for (let iy = yStart; iy < yEnd; iy++) {
            let at = (iy * g.inW + xStart) * row + c;
            for (let ix = xStart; ix < xEnd; ix++) {
              const value = load<f32>(x + at);
              if (most < value) {
                most = value;
                best = at;
              }
              at += row;
            }
          }
          if (dx) store<f32>(dx + best, load<f32>(dx + best) + load<f32>(small + c));
          else store<f32>(small + c, most);
        }
      }
      if (!dx) scaleAndClip(small, 1, low(g), high(g), channels);
      small += row;
    }
  }
}

/**
 * out[oy, ox, c] = activation(mean over the window). With includePad the sum is divided by kernelH * kernelW,
 * else by the number of taps inside the image. Of global pooling, the window is the image.
 * out: [outH][outW][C], x: [inH][inW][C]
 */
export function avgpool_forward(out: usize, x: usize, g: Geometry, includePad: bool): void {
  average(out, x, g, includePad, false);
}

/**
 * dx = or += dy / taps, at every tap inside the image.
 * dx: [inH][inW][C], dy: [outH][outW][C]
 */
export function avgpool_backward_input(dx: usize, dy: usize, g: Geometry, includePad: bool, accumulate: bool): void {
  if (!accumulate) memory.fill(dx, 0, (<usize>(g.inH * g.inW * g.inC)) << 2);
  average(dy, dx, g, includePad, true);
}

/** All windows of a pooling by means: from the large side to the small one or, for the gradient, back. */
function average(small: usize, large: usize, g: Geometry, includePad: bool, back: bool): void {
  const channels = g.inC;
  const row = channels << 2;
  for (let oy = 0; oy < g.outH; oy++) {
    const y0 = oy * g.strideH - g.padTop;
    const yEnd = min(y0 + g.kernelH, g.inH);
    const yStart = max(y0, 0);
    for (let ox = 0; ox < g.outW; ox++) {
      const x0 = ox * g.strideW - g.padLeft;
      const xEnd = min(x0 + g.kernelW, g.inW);
      const xStart = max(x0, 0);
      const taps = includePad ? g.kernelH * g.kernelW : (yEnd - yStart) * (xEnd - xStart);
      const share: f32 = 1 / <f32>taps;
      if (!back) memory.fill(small, 0, row);
      for (let iy = yStart; iy < yEnd; iy++) {
        for (let ix = xStart; ix < xEnd; ix++) {
          const at = large + (iy * g.inW + ix) * row;
          if (back) axpy(at, share, small, channels);
          else axpy(small, 1, at, channels);
        }
      }
      if (!back) scaleAndClip(small, share, low(g), high(g), channels);
      small += row;
    }
  }
}
