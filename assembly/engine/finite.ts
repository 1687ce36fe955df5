/** Whether results can be used. */
import { dot } from '../kernels/math';
import { layerAt } from './arena';
import { control } from './control';
import { biasOf, opAt, weightsOf } from './model';
import { blockFloats } from './trained';

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

/** True if what was trained is finite: a clipped activation may hide that it isn't. */
export function finiteValues(): bool {
  for (let l = 0; l < control().layerCount; ++l) {
    const layer = layerAt(l);
    if (!layer.kind) continue;
    const op = opAt(layer.op);
    if (layer.values) {
      if (!finite(layer.values, blockFloats(layer))) return false;
    } else if (!(finite(biasOf(op), op.biasCount) && finite(weightsOf(op), op.weightCount))) return false;
  }
  return true;
}
