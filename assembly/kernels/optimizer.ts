/**
 * Optimisers over rows of selected channels, in one loop: they differ in a few lines of it, and bytes count. Element t of
 * row j lies at w + channel[j] * rowStride + t * elementStride (bytes): a layer's weights stay in the model's layout,
 * whichever dimension the channel is. Gradient and state are contiguous, [n][rowLength]. `channels` is a rising u16 list,
 * or 0 for rows 0 to n - 1. Each clears the gradient, ready for the next iteration.
 */
import { dot, Lanes } from './math';

/** Address of row j of the weights. */
function row(w: usize, channels: usize, j: i32, rowStride: i32): usize {
  const channel = channels ? <i32>load<u16>(channels + ((<usize>j) << 1)) : j;
  return w + <usize>(channel * rowStride);
}

/** Codes of the optimisers, as the control block has them. */
export const SGD: i32 = 0;
export const MOMENTUM: i32 = 1;
export const ADAM: i32 = 2;
export const LOMO: i32 = 3;

/**
 * One step of an optimiser; u is what follows the rows of m: the rows of a second state.
 *
 *   SGD       w -= lr * g
 *   MOMENTUM  m = 0.9 m + g, w -= lr * m, as PyTorch's SGD(momentum=0.9)
 *   ADAM      Kingma and Ba (ICLR 2015, algorithm 1) with beta 0.9 and 0.999, epsilon 1e-8; `first` and `second` are the
 *             corrections 1 - beta^t of step t = 1, 2, ...
 *   LOMO      w -= lr * g / sqrt(m), m = first * m + (1 - first) * mean(g^2) of the row: one float of state a row, so that a
 *             layer can be updated as soon as its gradient is known, and the gradient forgotten (LOMO, Lv et al., arXiv
 *             2306.09782; rows as groups, after AdaLomo, arXiv 2310.10195). A row that never had a gradient stays.
 *
 * w: rows as above, g: [n][rowLength], m, u: [n][rowLength], LOMO's m: [n], channels: [n] or 0
 */
export function optimizer_update(
  w: usize,
  g: usize,
  m: usize,
  u: usize,
  channels: usize,
  n: i32,
  rowLength: i32,
  rowStride: i32,
  elementStride: i32,
  optimizer: i32,
  lr: f32,
  first: f32,
  second: f32,
): void {
  let step = optimizer == ADAM ? lr / first : lr;
  const scale: f32 = 1 / sqrt<f32>(second);
  for (let j = 0; j < n; j++) {
    let at = row(w, channels, j, rowStride);
    if (optimizer == LOMO) {
      const square: f32 = first * load<f32>(m) + ((1 - first) * dot(g, g, rowLength)) / <f32>rowLength;
      store<f32>(m, square);
      step = square > 0 ? lr / sqrt<f32>(square) : 0;
      m += 4;
    }
    let t = 0;
    if (ASC_FEATURE_SIMD && elementStride == 4 && (optimizer == SGD || optimizer == LOMO)) {
      for (; t <= rowLength - 4; t += 4) {
        v128.store(at, Lanes.mulAdd<v128>(v128.load(at), f32x4.splat(-step), v128.load(g)));
        v128.store(g, f32x4.splat(0));
        at += 16;
        g += 16;
      }
    }
    for (; t < rowLength; t++) {
      const gradient = load<f32>(g);
      let change = step * gradient;
      store<f32>(g, 0);
      if (<u32>(optimizer - MOMENTUM) <= 1) {
        const factor: f32 = optimizer == ADAM ? 0.1 : 1;
        const mean: f32 = 0.9 * load<f32>(m) + factor * gradient;
        store<f32>(m, mean);
        change = step * mean;
        if (optimizer == ADAM) {
          const variance: f32 = 0.999 * load<f32>(u) + 0.001 * gradient * gradient;
          store<f32>(u, variance);
          change /= sqrt<f32>(variance) * scale + 1e-8;
        }
        m += 4;
        u += 4;
      }
      store<f32>(at, load<f32>(at) - change);
      at += elementStride;
      g += 4;
    }
  }
}
