/**
 * ReLU, also with an upper limit. The kernels of the layers apply it to what they write; here is its derivative: 1 where
 * 0 < y < limit, else 0. It is taken from y, or from a mask of one bit a value, which lets y be thrown away.
 *
 *   mask   word 0: bit 0 = y[0] ... bit 31 = y[31] | word 1: y[32] ... | bits behind y[n - 1] are zero
 */

/**
 * mask = bits of 0 < y < limit.
 * mask u32 [ceil(n / 32)], y [n].
 */
export function relu_mask(mask: usize, y: usize, n: i32, limit: f32): void {
  for (let i = 0; i < n; i += 32) {
    const count = min(n - i, 32);
    let word: u32 = 0;
    let bit = 0;
    if (ASC_FEATURE_SIMD) {
      const zero = f32x4.splat(0);
      const high = f32x4.splat(limit);
      for (; bit <= count - 4; bit += 4) {
        const v = v128.load(y);
        word |= (<u32>i32x4.bitmask(v128.and(f32x4.gt(v, zero), f32x4.lt(v, high)))) << bit;
        y += 16;
      }
    }
    for (; bit < count; bit++) {
      const v = load<f32>(y);
      word |= (<u32>(v > 0) & <u32>(v < limit)) << bit;
      y += 4;
    }
    store<u32>(mask, word);
    mask += 4;
  }
}

/**
 * dy = dy where the bit is set, else 0; in place.
 * dy [n], mask u32 [ceil(n / 32)].
 */
export function relu_backward_mask(dy: usize, mask: usize, n: i32): void {
  for (let i = 0; i < n; i += 32) {
    let word = load<u32>(mask);
    let left = min(n - i, 32);
    if (ASC_FEATURE_SIMD) {
      const bits = i32x4(1, 2, 4, 8);
      for (; left >= 4; left -= 4) {
        const lanes = i32x4.eq(v128.and(i32x4.splat(word), bits), bits);
        v128.store(dy, v128.and(v128.load(dy), lanes));
        word >>= 4;
        dy += 16;
      }
    }
    for (; left > 0; left--) {
      if (!(word & 1)) store<f32>(dy, 0);
      word >>= 1;
      dy += 4;
    }
    mask += 4;
  }
}

/**
 * dy = dy where 0 < y < limit, else 0; in place.
 * dy [n], y [n].
 */
export function relu_backward(dy: usize, y: usize, n: i32, limit: f32): void {
  if (ASC_FEATURE_SIMD) {
    const zero = f32x4.splat(0);
    const high = f32x4.splat(limit);
    // Two registers a turn: half as many operations go into addresses and the loop.
    for (; n >= 8; n -= 8) {
      const u = v128.load(y);
      const v = v128.load(y, 16);
      v128.store(dy, v128.and(v128.load(dy), v128.and(f32x4.gt(u, zero), f32x4.lt(u, high))));
      v128.store(dy, v128.and(v128.load(dy, 16), v128.and(f32x4.gt(v, zero), f32x4.lt(v, high))), 16);
      dy += 32;
      y += 32;
    }
  }
  for (; n > 0; n--) {
    const v = load<f32>(y);
    if (!(<u32>(v > 0) & <u32>(v < limit))) store<f32>(dy, 0);
    dy += 4;
    y += 4;
  }
}
