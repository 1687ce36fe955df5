/**
 * What one sample adds to the sums of a pass, where instances share the samples (share.ts): a buffer of the plan, to which
 * gradients and Δ go while samples run, in place of the sums themselves.
 *
 *     training     | gradients of all layers (blocks.ts) | gradients of the prototypes | loss |
 *     Fisher pass  | Δ of all layers |
 */
import { accumulate } from '../kernels/add';
import { dPrototypes, layerAt } from './arena';
import { layersBytes } from './blocks';
import { control } from './control';

let part: usize = 0;
let bytes: usize = 0;

/** True if other instances run some of the samples. */
export function isShared(): bool {
  return control().shards > 1;
}

/** Bytes of a part of the Fisher pass or of training; 0 where nothing is shared. */
export function partBytes(fisher: bool): u64 {
  if (!isShared()) return 0;
  return fisher ? deltaBytes() : layersBytes() + ((<u64>prototypeFloats()) << 2) + 4;
}

function deltaBytes(): u32 {
  const layer = layerAt(0);
  return layer.channels - layer.delta;
}

function prototypeFloats(): i32 {
  return control().ways * control().featureCount;
}

/** Begins a job whose parts, of `size` bytes, lie at `at`; 0: it has none. */
export function layoutPart(at: usize, size: u64): void {
  part = at;
  bytes = <usize>size;
  clearPart();
}

export function clearPart(): void {
  if (part) memory.fill(part, 0, bytes);
}

export function partAt(): usize {
  return part;
}

/** Where what a sample adds at `at`, inside of a sum that begins at `sum`, goes. */
export function partOf(at: usize, sum: usize): usize {
  return part ? part + (at - sum) : at;
}

/** Where a sample adds to the gradients of the prototypes. */
export function prototypesPart(): usize {
  return part ? part + <usize>layersBytes() : dPrototypes();
}

/** Where a sample's loss is for the other instances. */
export function lossPart(): usize {
  return part + bytes - 4;
}

/** Adds the part of the Fisher pass to Δ. */
export function addDelta(): void {
  accumulate(layerAt(0).delta, part, deltaBytes() >> 2);
}

/** Adds a part to the gradients of the layers. */
export function addGradients(): void {
  accumulate(layerAt(0).gradient, part, <i32>(layersBytes() >> 2));
}

/** Adds a part to the gradients of the prototypes. */
export function addPrototypes(): void {
  accumulate(dPrototypes(), prototypesPart(), prototypeFloats());
}
