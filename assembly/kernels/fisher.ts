import { Lanes } from './math';

/**
 * Fisher information of output channels, summed over samples: delta[o] += scale * (sum over d of y[d][o] * dy[d][o])^2.
 * With scale = 1 / (2 N) and a call for each of N samples it is the estimate of Theis et al. 2018 (arXiv:1801.05787)
 * for what a channel contributes to the loss.
 * delta [O], y [positions][O], dy [positions][O].
 */
export function fisher_accumulate(delta: usize, y: usize, dy: usize, positions: i32, O: i32, scale: f32): void {
  const row = (<usize>O) << 2;
  let o = 0;
  if (ASC_FEATURE_SIMD) {
    for (; o <= O - 8; o += 8) {
      let offset = (<usize>o) << 2;
      const to = delta + offset;
      let sum0 = f32x4.splat(0);
      let sum1 = f32x4.splat(0);
      for (let d = positions; d > 0; d--) {
        sum0 = Lanes.mulAdd<v128>(sum0, v128.load(y + offset), v128.load(dy + offset));
        sum1 = Lanes.mulAdd<v128>(sum1, v128.load(y + offset, 16), v128.load(dy + offset, 16));
        offset += row;
      }
      const s = f32x4.splat(scale);
      v128.store(to, Lanes.mulAdd<v128>(v128.load(to), s, f32x4.mul(sum0, sum0)));
      v128.store(to, Lanes.mulAdd<v128>(v128.load(to, 16), s, f32x4.mul(sum1, sum1)), 16);
    }
  }
  for (; o < O; o++) {
    let offset = (<usize>o) << 2;
    const to = delta + offset;
    let sum: f32 = 0;
    for (let d = positions; d > 0; d--) {
      sum += load<f32>(y + offset) * load<f32>(dy + offset);
      offset += row;
    }
    store<f32>(to, load<f32>(to) + scale * (sum * sum));
  }
}
