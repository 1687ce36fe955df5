/**
 * Optimisers over rows of selected channels. Element t of row j lies at w + channel[j] * rowStride + t * elementStride
 * (bytes): a layer's weights stay in the model's layout, whichever dimension the channel is. Gradient and state are
 * contiguous, [n][rowLength]. `channels` is a rising u16 list, or 0 for rows 0 to n - 1. Each clears the gradient,
 * ready for the next iteration.
 */
import { Lanes } from './math';

/** Address of row j of the weights. */
function row(w: usize, channels: usize, j: i32, rowStride: i32): usize {
  const channel = channels ? <i32>load<u16>(channels + ((<usize>j) << 1)) : j;
  return w + <usize>(channel * rowStride);
}

/**
 * Stochastic gradient descent: w -= lr * g.
 * w: rows as above, g: [n][rowLength], channels: [n] or 0
 */
export function sgd_update(
  w: usize,
  g: usize,
  channels: usize,
  n: i32,
  rowLength: i32,
  rowStride: i32,
  elementStride: i32,
  lr: f32,
): void {
  for (let j = 0; j < n; j++) {
    let at = row(w, channels, j, rowStride);
    let t = 0;
    if (ASC_FEATURE_SIMD && elementStride == 4) {
      for (; t <= rowLength - 4; t += 4) {
        v128.store(at, Lanes.mulAdd<v128>(v128.load(at), f32x4.splat(-lr), v128.load(g)));
        v128.store(g, f32x4.splat(0));
        at += 16;
        g += 16;
      }
    }
    for (; t < rowLength; t++) {
      store<f32>(at, load<f32>(at) - lr * load<f32>(g));
      store<f32>(g, 0);
      at += elementStride;
      g += 4;
    }
  }
}

/**
 * Heavy-ball momentum, as PyTorch's SGD(momentum=0.9): v = 0.9 v + g, w -= lr * v.
 * w: rows as above, g, v: [n][rowLength], channels: [n] or 0
 */
export function momentum_update(
  w: usize,
  g: usize,
  v: usize,
  channels: usize,
  n: i32,
  rowLength: i32,
  rowStride: i32,
  elementStride: i32,
  lr: f32,
): void {
  for (let j = 0; j < n; j++) {
    let at = row(w, channels, j, rowStride);
    for (let t = 0; t < rowLength; t++) {
      const velocity: f32 = 0.9 * load<f32>(v) + load<f32>(g);
      store<f32>(v, velocity);
      store<f32>(at, load<f32>(at) - lr * velocity);
      store<f32>(g, 0);
      at += elementStride;
      g += 4;
      v += 4;
    }
  }
}

/**
 * Adam (Kingma and Ba, ICLR 2015, algorithm 1) with beta 0.9 and 0.999, epsilon 1e-8. The corrections are
 * 1 - beta^t of step t = 1, 2, ...
 * w: rows as above, g, m, v: [n][rowLength], channels: [n] or 0
 */
export function adam_update(
  w: usize,
  g: usize,
  m: usize,
  v: usize,
  channels: usize,
  n: i32,
  rowLength: i32,
  rowStride: i32,
  elementStride: i32,
  lr: f32,
  beta1Correction: f32,
  beta2Correction: f32,
): void {
  const step = lr / beta1Correction;
  const scale: f32 = 1 / sqrt<f32>(beta2Correction);
  for (let j = 0; j < n; j++) {
    let at = row(w, channels, j, rowStride);
    for (let t = 0; t < rowLength; t++) {
      const gradient = load<f32>(g);
      const mean: f32 = 0.9 * load<f32>(m) + 0.1 * gradient;
      const variance: f32 = 0.999 * load<f32>(v) + 0.001 * gradient * gradient;
      store<f32>(m, mean);
      store<f32>(v, variance);
      store<f32>(at, load<f32>(at) - (step * mean) / (sqrt<f32>(variance) * scale + 1e-8));
      store<f32>(g, 0);
      at += elementStride;
      g += 4;
      m += 4;
      v += 4;
    }
  }
}
