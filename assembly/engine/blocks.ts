/**
 * Memory of the trained layers while they train, one buffer of the plan: the gradients of every layer, a block each; as
 * many blocks for every state of the optimiser; then, where the weights are with the host, the blocks of the values
 * themselves (trained.ts).
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

/** States of the optimiser: blocks of a layer beside its gradients and values. */
function states(): u32 {
  const optimizer = control().optimizer;
  return optimizer <= 0 ? 0 : <u32>optimizer;
}

/** Bytes of one block of every layer: in 64 bits, since layers may share weights. */
export function layersBytes(): u64 {
  let sum: u64 = 0;
  for (let l = 0; l < control().layerCount; ++l) sum += blockBytes(layerAt(l));
  return sum;
}

/** Bytes of gradients and optimiser state. */
export function gradientBytes(): u64 {
  return (layersBytes() * (1 + states()) + 15) & ~15;
}

/** Bytes of all of it. */
export function blocksBytes(): u64 {
  return gradientBytes() + (isOutside() ? layersBytes() : 0);
}

/** Where the states of the optimiser begin, and the gradients. */
let statesAt: usize = 0;
let gradientsAt: usize = 0;

/** The optimiser's states of a layer, one block after another. */
export function statesOf(layer: Layer): usize {
  return statesAt + (<usize>layer.gradient - gradientsAt) * states();
}

/** Gives gradients and states, and values that are not in the model, their places from `at` on. */
export function layoutBlocks(at: usize): void {
  const c = control();
  const outside = isOutside();
  gradientsAt = at;
  const end = at + <usize>gradientBytes();
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    layer.gradient = <u32>at;
    at += <usize>blockBytes(layer);
  }
  statesAt = at;
  at = end;
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    layer.values = outside && layer.kind != FROZEN ? <u32>at : 0;
    if (outside) at += <usize>blockBytes(layer);
  }
}
