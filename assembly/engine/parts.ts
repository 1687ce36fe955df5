/**
 * What single samples add to the sums of a pass, for instances that share the samples (share.ts) and have to wait for the
 * sums of those before them: a buffer of the plan with one part for every sample of a round, to which gradients and Δ
 * go in place of the sums themselves.
 *
 *     training     | gradients of all layers (blocks.ts) | gradients of the prototypes | loss |
 *     Fisher pass  | Δ of all layers |
 *     prototypes   | features |
 */
import { dPrototypes, layerAt } from './arena';
import { layersBytes } from './blocks';
import { control } from './control';

/** Samples of an instance in a round, at least; in the last round at most twice as many. */
export const ROUND: i32 = 8;

let parts: usize = 0;
let bytes: usize = 0;
let part: usize = 0;

/** Bytes of the parts of a job that trains, or looks at layers, from operator `inspectFrom` on; 0: it needs none. */
export function partsBytes(trains: bool, inspectFrom: i32): u64 {
  const c = control();
  if (c.shards < 2 || c.shard == 0) return 0;
  let size = (<u64>c.featureCount) << 2;
  if (trains) size = max(size, inspectFrom < 0 ? layersBytes() + prototypeBytes() + 4 : <u64>deltaBytes());
  bytes = <usize>size;
  return size * min(2 * ROUND, (c.samples + c.shards - 1) / c.shards);
}

/** Bytes of Δ. */
export function deltaBytes(): u32 {
  const layer = layerAt(0);
  return layer.channels - layer.delta;
}

/** Bytes of the gradients of the prototypes. */
export function prototypeBytes(): u32 {
  return (control().ways * control().featureCount) << 2;
}

/** Gives the parts their place; 0: there are none. */
export function layoutParts(at: usize): void {
  parts = at;
}

/** True if samples add to parts. */
export function hasParts(): bool {
  return parts != 0;
}

/** Turns to the part of the i-th sample of a round. */
export function turnToPart(i: i32): void {
  part = parts + <usize>i * bytes;
}

/** Before a sample runs. */
export function clearPart(): void {
  if (parts) memory.fill(part, 0, bytes);
}

/** Where what a sample adds at `at`, inside of a sum that begins at `sum`, goes. */
export function partOf(at: usize, sum: usize): usize {
  return parts ? part + (at - sum) : at;
}

/** Where a sample adds to the gradients of the prototypes. */
export function prototypesPart(): usize {
  return parts ? part + <usize>layersBytes() : dPrototypes();
}

/** Where the loss of a sample is. */
export function lossPart(): usize {
  return prototypesPart() + prototypeBytes();
}
