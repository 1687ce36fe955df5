/**
 * Gradient of the bias of any layer: db += sum of dy over the positions, for the listed output channels.
 * db [n], dy [positions][O], channels u16 [n], or 0: all, n = O.
 */
export function bias_backward(db: usize, dy: usize, positions: i32, O: i32, channels: usize, n: i32): void {
  const row = (<usize>O) << 2;
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    // 16 channels at a time, then four; a list is left to the loop below, which costs what its channels cost.
    for (; channels == 0 && i <= n - 4; ) {
      const whole = i <= n - 16;
      let from = dy + ((<usize>i) << 2);
      let sum0 = f32x4.splat(0);
      let sum1 = sum0;
      let sum2 = sum0;
      let sum3 = sum0;
      for (let d = positions; d > 0; d--) {
        sum0 = f32x4.add(sum0, v128.load(from));
        if (whole) {
          sum1 = f32x4.add(sum1, v128.load(from, 16));
          sum2 = f32x4.add(sum2, v128.load(from, 32));
          sum3 = f32x4.add(sum3, v128.load(from, 48));
        }
        from += row;
      }
      const to = db + ((<usize>i) << 2);
      v128.store(to, f32x4.add(v128.load(to), sum0));
      i += 4;
      if (whole) {
        v128.store(to, f32x4.add(v128.load(to, 16), sum1), 16);
        v128.store(to, f32x4.add(v128.load(to, 32), sum2), 32);
        v128.store(to, f32x4.add(v128.load(to, 48), sum3), 48);
        i += 12;
      }
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
