/**
 * What single samples add to the sums of a pass, where instances share the samples (share.ts). One buffer of the plan:
 *
 *     heads    one for every sample of a round, whoever runs it, to be exchanged; by the pass
 *                prototypes   | features |
 *                probe        | whether its class claims it as it is | mirrored |
 *                Fisher pass  | Δ of all layers |
 *                training     | gradients of the prototypes | loss |
 *     layers   one for every sample of a round that this instance runs
 *                training     | gradients of all layers (blocks.ts) |
 */
import { dPrototypes, layerAt } from './arena';
import { layersBytes } from './blocks';
import { control } from './control';

/** Samples of an instance in a round, at least; in the last round at most twice as many. */
export const ROUND: i32 = 8;

let heads: usize = 0;
let layers: usize = 0;
let headBytes: u32 = 0;
/** Samples of a round, at most. */
let most: i32 = 0;
/** Of the current sample; 0: what it adds goes to the sums themselves. */
let head: usize = 0;
let layer: usize = 0;

/** Bytes of the parts of a job that trains, or looks at layers, from operator `inspectFrom` on; 0: it needs none. */
export function partsBytes(trains: bool, inspectFrom: i32): u64 {
  const c = control();
  if (c.shards < 2) return 0;
  most = min(2 * ROUND * c.shards, c.samples);
  const fisher = inspectFrom >= 0;
  // Gradients of at least two prototypes take more than a sample's features.
  headBytes = prototypeBytes() + 4;
  if (trains && fisher) headBytes = max(headBytes, deltaBytes());
  return <u64>headBytes * most + (trains && !fisher ? layersBytes() * (most / c.shards + 1) : 0);
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
  heads = at;
  layers = at + headBytes * most;
}

/** Address of the head of the i-th sample of a round; 0: there are no parts. */
export function headAt(i: i32): usize {
  return heads ? heads + <usize>i * headBytes : 0;
}

/** Address of the gradients of the layers of this instance's i-th sample of a round. */
export function layersAt(i: i32): usize {
  return layers + <usize>i * <usize>layersBytes();
}

/**
 * Turns to the parts of a sample, cleared: the i-th of a round, the `own`-th of this instance. `apart`: it adds to gradients of
 * layers of its own.
 */
export function turnToParts(i: i32, own: i32, apart: bool): void {
  head = headAt(i);
  layer = 0;
  if (!head) return;
  memory.fill(head, 0, headBytes);
  if (!apart) return;
  layer = layersAt(own);
  memory.fill(layer, 0, <usize>layersBytes());
}

/** Where a sample adds to the gradient of a layer at `at`. */
export function gradientPart(at: usize): usize {
  return layer ? layer + (at - layerAt(0).gradient) : at;
}

/** Where a sample adds to Δ of a layer at `at`. */
export function deltaPart(at: usize): usize {
  return head ? head + (at - layerAt(0).delta) : at;
}

/** Where a sample adds to the gradients of the prototypes. */
export function prototypesPart(): usize {
  return head ? head : dPrototypes();
}

/** Where what a sample gives is kept instead of being added to the sums: its features, for the prototypes; 0: nowhere. */
export function headPart(): usize {
  return head;
}

/** Where the loss of a sample is, in its head. */
export function lossIn(head: usize): usize {
  return head + prototypeBytes();
}

/** Bytes of the heads of so many samples. */
export function headsBytes(samples: i32): u32 {
  return headBytes * samples;
}
