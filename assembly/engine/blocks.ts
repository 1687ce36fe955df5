/**
 * Memory of the trained layers while they train, one buffer of the plan: of each layer, a block of gradients and one a
 * state of the optimiser; then, where the weights are with the host, the blocks of the values themselves (trained.ts).
 */
import { FROZEN, Layer, layerAt } from './arena';
import { control } from './control';
import { isOutside } from './model';
import { blockFloats } from './trained';

/** Bytes of one block of a layer: its gradients, one state, or its values; 0 where nothing is trained. */
function blockBytes(layer: Layer): u64 {
  if (layer.kind == FROZEN) return 0;
  layer.floats = blockFloats(layer);
  return (<u64>layer.floats) << 2;
}

/** Blocks of a layer beside its values: gradients and the optimiser's states. */
function states(): u32 {
  const optimizer = control().optimizer;
  return 1 + (optimizer <= 0 ? 0 : <u32>optimizer);
}

/** Bytes of gradients and optimiser state: in 64 bits, since layers may share weights. */
export function gradientBytes(): u64 {
  let sum: u64 = 0;
  for (let l = 0; l < control().layerCount; ++l) sum += (blockBytes(layerAt(l)) * states() + 15) & ~15;
  return sum;
}

/** Bytes of the trained values, where they are not in the model. */
export function valuesBytes(): u64 {
  let sum: u64 = 0;
  for (let l = 0; l < control().layerCount; ++l) sum += blockBytes(layerAt(l));
  return sum;
}

/** Bytes of all of it. */
export function blocksBytes(): u64 {
  return gradientBytes() + (isOutside() ? valuesBytes() : 0);
}

/** Gives gradients and states, and values that are not in the model, their places from `at` on. */
export function layoutBlocks(at: usize): void {
  const c = control();
  const outside = isOutside();
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    const bytes = blockBytes(layer);
    layer.gradient = <u32>at;
    at += <usize>((bytes * states() + 15) & ~15);
  }
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    layer.values = outside && layer.kind != FROZEN ? <u32>at : 0;
    if (outside) at += <usize>blockBytes(layer);
  }
}
