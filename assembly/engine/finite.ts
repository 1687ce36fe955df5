/** Whether results can be used. */
import { dot } from '../kernels/math';

/** True if none of n floats is NaN or infinite. */
export function finite(at: usize, n: i32): bool {
  for (let i = 0; i < n; ++i) {
    const x = load<f32>(at + (i << 2));
    if (x - x != 0) return false;
  }
  return true;
}

/** True if every one of `count` vectors of n floats has a finite norm, and so cosines. */
export function finiteNorms(at: usize, count: i32, n: i32): bool {
  for (; count > 0; --count, at += (<usize>n) << 2) {
    const square = dot(at, at, n);
    if (square - square != 0) return false;
  }
  return true;
}
