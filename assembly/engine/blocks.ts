/**
 * Memory of the trained layers while they train, one buffer of the plan: the gradients of every layer, a block each; the
 * states of the optimiser; then, where the weights are with the host, the blocks of the values themselves (trained.ts).
 *
 * LOMO uses a layer's gradient up before it goes on to the layer before: the gradient is a buffer of the plan like
 * activations (plan.ts). Its states are two floats a channel, for the channel's bias and for its weights.
 */
import { LOMO } from '../kernels/optimizer';
import { FROZEN, Layer, layerAt } from './arena';
import { control } from './control';
import { isOutside } from './model';
import { blockFloats } from './trained';

/** True if an iteration is some drawn samples, and each of them a step. */
export function isDrawn(): bool {
  return control().optimizer == LOMO;
}

/** Bytes of one block of a layer: its gradients, one state, or its values; 0 where nothing is trained. */
export function blockBytes(layer: Layer): u64 {
  if (layer.kind == FROZEN) return 0;
  layer.floats = blockFloats(layer);
  return (<u64>layer.floats) << 2;
}

/** Bytes of the optimiser's states of a layer. */
function stateBytes(layer: Layer): u64 {
  const bytes = blockBytes(layer);
  if (isDrawn()) return bytes ? (<u64>layer.count) << 3 : 0;
  return bytes * <u64>max(control().optimizer, 0);
}

/** Bytes of one block of every layer: in 64 bits, since layers may share weights. */
export function layersBytes(): u64 {
  let sum: u64 = 0;
  for (let l = 0; l < control().layerCount; ++l) sum += blockBytes(layerAt(l));
  return sum;
}

/** Bytes of the gradients that last through the job. */
function lastingBytes(): u64 {
  return isDrawn() ? 0 : layersBytes();
}

/** Bytes of those gradients and of the optimiser's states. */
export function gradientBytes(): u64 {
  let sum = lastingBytes();
  for (let l = 0; l < control().layerCount; ++l) sum += stateBytes(layerAt(l));
  return (sum + 15) & ~15;
}

/** Bytes of all of it. */
export function blocksBytes(): u64 {
  return gradientBytes() + (isOutside() ? layersBytes() : 0);
}

/** Gives gradients, states, and values that are not in the model, their places from `at` on. */
export function layoutBlocks(at: usize): void {
  let states = at + <usize>lastingBytes();
  let values = at + <usize>gradientBytes();
  for (let l = 0; l < control().layerCount; ++l) {
    const layer = layerAt(l);
    const bytes = <usize>blockBytes(layer);
    if (!isDrawn()) layer.gradient = <u32>at;
    layer.states = <u32>states;
    layer.values = isOutside() && bytes ? <u32>values : 0;
    at += bytes;
    states += <usize>stateBytes(layer);
    values += bytes;
  }
}
