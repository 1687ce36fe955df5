/**
 * Samples shared between instances of the engine, so that several cores adapt together. `shards` instances run the same
 * job; of every round of samples each runs some in a row, all at the same time. The first one adds to the sums of
 * the pass as ever and hands them on; each other one has kept what its samples add, one by one (parts.ts), adds that to
 * the sums that it is given, and hands them on. What the last one has then, all take over.
 *
 *     samples of a round    0 1 2 | 3 4 5 | 6 7 8
 *     shard 0               -------> sums                      total
 *     shard 1               ------> parts    sums += parts ->  total
 *     shard 2               ------> parts                 sums += parts = total
 *
 * A kernel adds to every element of a sum once a sample (plan.ts, newPart): so these are the bits of one instance that
 * runs all samples, one after another.
 */
import { accumulate } from '../kernels/add';
import { dPrototypes, layerAt, supportCount } from './arena';
import { layersBytes } from './blocks';
import { Control, control } from './control';
import { addLoss, addToPrototype, LOSS_BYTES } from './head';
import { clearPart, deltaBytes, lossPart, partOf, prototypeBytes, prototypesPart, ROUND, turnToPart } from './parts';
import { FEATURE, INFORMATION, KEEPING, PROBING, PROTOTYPES, QUERIES, SUPPORT } from './passes';
import * as status from './status';

/** Samples of the pass, of all instances: the first, and one past the last. */
let passFirst: i32 = 0;
let passEnd: i32 = 0;
/** One past the round; this instance's samples of it: the first, and one past the last. */
let roundEnd: i32 = 0;
let first: i32 = 0;
let end: i32 = 0;

/** Begins a pass over the support samples, the queries or all; returns the first one of this instance, or -1. */
export function firstSample(pass: i32): i32 {
  const asks = pass == QUERIES || pass == INFORMATION;
  // Queries lie behind the support set, or are made of it.
  passFirst = asks && control().queries ? supportCount() : 0;
  passEnd = asks || pass == KEEPING ? control().samples : supportCount();
  roundEnd = passFirst;
  return nextRound();
}

/** The sample of this instance that comes after another in a pass, or -1. */
export function sampleAfter(sample: i32): i32 {
  if (++sample == end) return nextRound();
  turnToPart(sample - first);
  clearPart();
  return sample;
}

/**
 * Begins a round, the last of which takes what would not fill another; returns the first sample of this instance, or -1.
 * Support samples and queries are divided into the same rounds in every pass: an instance keeps the prefix of its own alone.
 */
function nextRound(): i32 {
  const c = control();
  const shards = max(1, c.shards);
  const from = roundEnd;
  if (from == passEnd) return -1;
  const samples = (from < supportCount() ? supportCount() : passEnd) - from;
  if (from > 0 && c.shard > 0) {
    // The counts of a probe are the total of all rounds before; this round's begin again.
    c.probePlain = 0;
    c.probeMirrored = 0;
  }
  const whole = ROUND * shards;
  const length = shards < 2 || samples < 2 * whole ? samples : whole;
  roundEnd = from + length;
  first = from + share(length, c.shard, shards);
  end = from + share(length, c.shard + 1, shards);
  turnToPart(0);
  clearPart();
  return first;
}

/** Of `length` samples, those before the shard `k` of `shards`: who comes earlier and has no parts to add, has more. */
function share(length: i32, k: i32, shards: i32): i32 {
  return (length * k + shards - 1) / shards;
}

/** Samples of this instance in the pass, about: for progress. */
export function samplesOfShard(): i32 {
  const c = control();
  return (passEnd - passFirst + max(0, c.shards - 1)) / max(1, c.shards);
}

/**
 * The exchange after a sample, the last one of this instance in a round: sums of those before, to those behind, and the
 * total. `piece` counts what the host has done so far; DONE if nothing is left, or nothing is shared.
 */
export function exchangeSums(pass: i32, sample: i32, variant: i32, piece: i32): i32 {
  const c = control();
  const last = c.shards - 1;
  if (last < 1 || sample + 1 != end || pass == KEEPING || pass >= FEATURE) return status.DONE;
  if (pass == PROBING && variant == 0) return status.DONE;
  const count = pass == QUERIES ? 2 : 1;
  if (c.shard > 0) {
    if (piece < count) return pointTo(pass, piece, status.GATHER, c.shard - 1);
    if (piece == count) addParts(pass);
    piece -= count;
  }
  if (piece < count) return pointTo(pass, piece, status.SHARE, c.shard == last ? -1 : c.shard + 1);
  piece -= count;
  if (c.shard < last && piece < count) return pointTo(pass, piece, status.GATHER, last);
  return status.DONE;
}

/** Points the host to a sum of the pass: which there are, parts.ts tells; of the queries, the gradients of the layers last. */
function pointTo(pass: i32, piece: i32, answer: i32, member: i32): i32 {
  const c = control();
  c.ioIndex = member;
  let at: usize = c.prototypesPointer;
  let bytes = prototypeBytes();
  if (pass == PROBING) {
    at = changetype<usize>(c) + offsetof<Control>('probePlain');
    // What those before have counted is added to what this one has.
    if (answer == status.GATHER && member < c.shard) at = c.scoresPointer;
    bytes = 8;
  } else if (pass == INFORMATION) {
    at = layerAt(0).delta;
    bytes = deltaBytes();
  } else if (pass == SUPPORT || (pass == QUERIES && piece)) {
    at = layerAt(0).gradient;
    bytes = <u32>layersBytes();
  } else if (pass == QUERIES) {
    at = dPrototypes();
    bytes += LOSS_BYTES;
  }
  c.ioPointer = <u32>at;
  c.ioBytes = bytes;
  return answer;
}

/** Adds the parts of the round to the sums that those before have handed on, in the order of the samples. */
function addParts(pass: i32): void {
  const c = control();
  if (pass == PROBING) {
    c.probePlain += load<i32>(c.scoresPointer);
    c.probeMirrored += load<i32>(c.scoresPointer, 4);
    return;
  }
  for (let sample = first; sample < end; ++sample) {
    turnToPart(sample - first);
    const part = partOf(0, 0);
    if (pass == PROTOTYPES) addToPrototype(part, sample);
    else if (pass == INFORMATION) accumulate(layerAt(0).delta, part, deltaBytes() >> 2);
    else {
      accumulate(layerAt(0).gradient, part, <i32>(layersBytes() >> 2));
      if (pass == SUPPORT) continue;
      accumulate(dPrototypes(), prototypesPart(), prototypeBytes() >> 2);
      addLoss(load<f32>(lossPart()));
    }
  }
}
