/**
 * Samples shared between instances of the engine, so that several cores adapt together. `shards` instances run the same
 * job; of every round of samples each runs some in a row, its block, all at the same time. What the samples add to the
 * sums of a pass has to be added in the order of one instance that runs them one after another, for the same bits:
 *
 * - What is small - features for the prototypes, what the probe finds, gradients of the prototypes, losses, Δ - every instance keeps sample by
 *   sample (parts.ts, heads). At the end of its block it hands that on to all others, and all add all of it, in order.
 *   Who is last to end its block waits for nobody.
 * - The gradients of the layers are large. Their sums go from instance to instance, queries in rising order, then support
 *   samples in falling order, so that who ends the queries goes on with the support samples:
 *
 *       samples     0 1 2 | 3 4 5 | 6 7 8          here: sums, added to at once; parts: kept (parts.ts, layers),
 *       shard 0     queries: sums ->               and added when the sums come
 *       shard 1              parts ->
 *       shard 2                      parts
 *                           support: sums
 *       shard 1                   <- parts
 *       shard 0              <- parts              shard 0 has the total, which all others take over
 *
 * With several rounds, every other one gives the blocks to the instances in reverse order: who has the sums goes on.
 *
 * A kernel adds to every element of a sum once a sample (plan.ts, newPart): so these are the bits of one instance that
 * runs all samples.
 */
import { accumulate } from '../kernels/add';
import { dPrototypes, layerAt, queryCount, supportCount } from './arena';
import { layersBytes } from './blocks';
import { control } from './control';
import { addClaims, addLoss, addToPrototype } from './head';
import { deltaBytes, headAt, headsBytes, layersAt, lossIn, prototypeBytes, ROUND, turnToParts } from './parts';
import { FEATURE, INFORMATION, KEEPING, PROBING, PROTOTYPES, QUERIES, SUPPORT } from './passes';
import * as status from './status';

let pass: i32 = 0;
/** Instances, one where nothing is shared; and which of them this one is. */
let shards: i32 = 1;
let shard: i32 = 0;
/** Samples of a round; of one instance, all. */
let whole: i32 = 1;
/** Samples of the pass, of all instances: the first, and one past the last. */
let passFirst: i32 = 0;
let passEnd: i32 = 0;
/** Those of the range, support set or queries, that is under way. */
let rangeFirst: i32 = 0;
let rangeEnd: i32 = 0;
/**
 * The round, from 0 on in a range, its first sample, and one past its last; this
 * instance's block, counted over the rounds, its first sample, and one past its last.
 */
let round: i32 = 0;
let roundFirst: i32 = 0;
let roundEnd: i32 = 0;
let block: i32 = 0;
let first: i32 = 0;
let end: i32 = 0;

/** Begins a pass over the support samples, the queries or all; returns the first one of this instance. */
export function firstSample(which: i32): i32 {
  pass = which;
  shards = max(1, control().shards);
  shard = control().shard;
  whole = shards < 2 ? i32.MAX_VALUE : ROUND * shards;
  const asks = pass == QUERIES || pass == INFORMATION;
  // Queries lie behind the support set, or are made of it.
  passFirst = asks && control().queries ? supportCount() : 0;
  passEnd = asks || pass == KEEPING ? control().samples : supportCount();
  return firstOfRange(passFirst);
}

/** The sample of this instance that comes after another in a pass, or -1. */
export function sampleAfter(sample: i32): i32 {
  if (pass == SUPPORT) {
    if (sample > first) return turnTo(sample - 1);
    return round > 0 ? beginRound(round - 1) : -1;
  }
  if (sample + 1 < end) return turnTo(sample + 1);
  if (roundEnd < rangeEnd) return beginRound(round + 1);
  return rangeEnd < passEnd ? firstOfRange(rangeEnd) : -1;
}

function firstOfRange(from: i32): i32 {
  rangeFirst = from;
  rangeEnd = from < supportCount() ? supportCount() : passEnd;
  return beginRound(pass == SUPPORT ? rounds(rangeEnd) - 1 : 0);
}

/** Rounds of so many samples: the last one takes what would not fill another. */
function rounds(samples: i32): i32 {
  return max(1, samples / whole);
}

/** Begins a round of the range; returns this instance's first sample. */
function beginRound(which: i32): i32 {
  round = which;
  roundFirst = rangeFirst + which * whole;
  roundEnd = which + 1 < rounds(rangeEnd - rangeFirst) ? roundFirst + whole : rangeEnd;
  const position = ownerOf(which * shards + shard);
  block = which * shards + position;
  first = firstOf(position);
  end = firstOf(position + 1);
  return turnTo(pass == SUPPORT ? end - 1 : first);
}

/** First sample of a block of the round by its position: the earlier ones have more. */
function firstOf(position: i32): i32 {
  return roundFirst + ((roundEnd - roundFirst) * position + shards - 1) / shards;
}

/** The instance of a block, counted from the first round of a range on. */
function ownerOf(block: i32): i32 {
  const k = block % shards;
  return (block / shards) & 1 ? shards - 1 - k : k;
}

/**
 * The instance whose block comes so many after this one's on the way of the sums: queries, then support samples backwards;
 * before the first one itself, and after the last one -1.
 */
function ownerAfter(blocks: i32): i32 {
  const asked = rounds(queryCount()) * shards;
  const last = asked + rounds(supportCount()) * shards - 1;
  const at = max(0, (pass == SUPPORT ? last - block : block) + blocks);
  return ownerOf(at < asked ? at : last - at);
}

/** Turns to the parts of a sample of this instance. */
function turnTo(sample: i32): i32 {
  const own = pass == SUPPORT ? end - 1 - sample : sample - first;
  turnToParts(sample - roundFirst, own, pass >= QUERIES && ownerAfter(-1) != shard);
  return sample;
}

/** Samples of this instance in the pass, about: for progress. */
export function samplesOfShard(): i32 {
  return (passEnd - passFirst + shards - 1) / shards;
}

/**
 * The exchange after a sample, the last one of this instance in a round. `piece` counts what the host has done so far;
 * DONE if nothing is left, or nothing is shared.
 */
export function exchangeSums(which: i32, sample: i32, variant: i32, piece: i32): i32 {
  if (shards < 2 || which == KEEPING || which >= FEATURE || (which == PROBING && !variant)) return status.DONE;
  if (sample != (pass == SUPPORT ? first : end - 1)) return status.DONE;
  if (pass != SUPPORT) {
    if (piece == 0) return ask(status.SHARE, -1, headAt(first - roundFirst), headsBytes(end - first));
    if (piece < shards) {
      const other = piece - <i32>(piece <= shard);
      const k = ownerOf(round * shards + other);
      return ask(status.GATHER, other, headAt(firstOf(k) - roundFirst), headsBytes(firstOf(k + 1) - firstOf(k)));
    }
    if (piece == shards) addHeads();
    if (pass != QUERIES) return status.DONE;
    piece -= shards;
  }
  return passLayersOn(piece);
}

/** The sums of the layers: from who has them, to who goes on, and from who has the total. */
function passLayersOn(piece: i32): i32 {
  const from = ownerAfter(-1);
  if (from != shard) {
    if (piece == 0) return askSums(status.GATHER, from);
    if (piece == 1) addLayers();
    --piece;
  }
  const to = ownerAfter(1);
  if (to != shard) {
    if (piece == 0) return askSums(status.SHARE, to);
    --piece;
  }
  return pass == SUPPORT && round == 0 && to >= 0 && piece == 0 ? askSums(status.GATHER, 0) : status.DONE;
}

/** Asks the host for an exchange with a member, or (-1) with all. */
function ask(answer: i32, member: i32, at: usize, bytes: u32): i32 {
  const c = control();
  c.ioIndex = member;
  c.ioPointer = <u32>at;
  c.ioBytes = bytes;
  return answer;
}

function askSums(answer: i32, member: i32): i32 {
  return ask(answer, member, layerAt(0).gradient, <u32>layersBytes());
}

/** Adds what all samples of the round have given. */
function addHeads(): void {
  for (let sample = roundFirst; sample < roundEnd; ++sample) {
    const head = headAt(sample - roundFirst);
    if (pass == PROTOTYPES) addToPrototype(head, sample);
    else if (pass == PROBING) addClaims(head);
    else if (pass == INFORMATION) accumulate(layerAt(0).delta, head, deltaBytes() >> 2);
    else {
      accumulate(dPrototypes(), head, prototypeBytes() >> 2);
      addLoss(load<f32>(lossIn(head)));
    }
  }
}

/** Adds the gradients of the layers of this instance's samples of the round, in the order in which they ran. */
function addLayers(): void {
  const floats = <i32>(layersBytes() >> 2);
  for (let i = 0; i < end - first; ++i) {
    accumulate(layerAt(0).gradient, layersAt(i), floats);
  }
}
