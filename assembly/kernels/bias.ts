/**
 * Gradient of the bias of any layer: db += sum of dy over the positions, for the listed output channels.
 * db [n], dy [positions][O], channels u16 [n], or 0: all, n = O.
 */
export function bias_backward(db: usize, dy: usize, positions: i32, O: i32, channels: usize, n: i32): void {
  const row = (<usize>O) << 2;
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    // Eight channels at a time; a list is left to the loop below, which costs what its channels cost.
    for (; channels == 0 && i <= n - 8; i += 8) {
      let from = dy + ((<usize>i) << 2);
      let sum0 = f32x4.splat(0);
      let sum1 = f32x4.splat(0);
      for (let d = positions; d > 0; d--) {
        sum0 = f32x4.add(sum0, v128.load(from));
        sum1 = f32x4.add(sum1, v128.load(from, 16));
        from += row;
      }
      const to = db + ((<usize>i) << 2);
      v128.store(to, f32x4.add(v128.load(to), sum0));
      v128.store(to, f32x4.add(v128.load(to, 16), sum1), 16);
    }
  }
  for (; i < n; i++) {
    const o = channels ? <usize>load<u16>(channels + ((<usize>i) << 1)) : <usize>i;
    let from = dy + (o << 2);
    let sum: f32 = 0;
    for (let d = positions; d > 0; d--) {
      sum += load<f32>(from);
      from += row;
    }
    const to = db + ((<usize>i) << 2);
    store<f32>(to, load<f32>(to) + sum);
  }
}
