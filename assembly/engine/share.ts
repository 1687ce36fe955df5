/**
 * Samples shared between instances of the engine, so that several cores adapt together. Of `shards` instances that run the
 * same job, each runs every `shards`-th sample. What one sample adds to the sums of a pass is its part (parts.ts);
 * instances give each other their parts, round after round of samples, and each adds all of them in the order of the
 * samples. A kernel adds to every element of a sum once a sample (plan.ts, newPart), so that this gives the bits of
 * one instance that runs all samples.
 *
 *     samples     0  1  2  3 ...     | round | round ...
 *     shard 0     x     x
 *     shard 1        x     x         after a round, every instance: sum += part 0, += part 1, ...
 */
import { supportCount } from './arena';
import { layersBytes } from './blocks';
import { Control, control } from './control';
import { addLoss, addToPrototype } from './head';
import { addDelta, addGradients, addPrototypes, clearPart, isShared, lossPart, partAt, partBytes } from './parts';
import { FEATURE, INFORMATION, KEEPING, PROBING, PROTOTYPES, QUERIES, SUPPORT } from './passes';
import * as status from './status';

/** Samples of an instance in a round, at least: what bounds the memory that hosts need for parts. */
const ROUND: i32 = 8;

/** Samples of a pass: the first, and one past the last. */
let passFirst: i32 = 0;
let passEnd: i32 = 0;
/** Of the round. */
let first: i32 = 0;
let end: i32 = 0;

/** From one sample of this instance to its next one. */
export function stride(): i32 {
  return isShared() ? control().shards : 1;
}

/** Samples of the pass, of all instances. */
export function samplesOfPass(): i32 {
  return passEnd - passFirst;
}

/** False if the pass has no such sample; else sees to the round that it is in: the last takes what would not fill another. */
export function inRound(sample: i32): bool {
  if (sample >= passEnd) return false;
  if (sample < end) return true;
  const whole = ROUND * stride();
  first = end;
  end = passEnd - first < 2 * whole ? passEnd : first + whole;
  return true;
}

/** Sums of the probe over the samples of all instances. */
let plain: i32 = 0;
let mirrored: i32 = 0;

/** Before a pass over the samples; returns the first of this instance. */
export function beginRounds(pass: i32): i32 {
  const c = control();
  const asks = pass == QUERIES || pass == INFORMATION;
  // Queries lie behind the support set, or are made of it.
  passFirst = asks && c.queries ? supportCount() : 0;
  passEnd = asks || pass == KEEPING ? c.samples : supportCount();
  end = passFirst;
  plain = 0;
  mirrored = 0;
  inRound(passFirst);
  if (!isShared()) return passFirst;
  // An instance has the same samples in every pass: what it keeps of them is with its own host.
  return passFirst + ((c.shard + c.shards - (passFirst % c.shards)) % c.shards);
}

/** After the probe: its counts, where instances share the samples. */
export function endProbe(): void {
  if (!isShared()) return;
  const c = control();
  c.probePlain = plain;
  c.probeMirrored = mirrored;
}

/**
 * What other instances need of the sample that has just been run; and, where it is this one's last of a round, what all of
 * them have of the round. `piece` counts what the host has done so far; DONE if nothing is left.
 */
export function exchangeParts(pass: i32, sample: i32, variant: i32, piece: i32): i32 {
  if (!isShared() || pass == KEEPING || pass >= FEATURE || (pass == PROBING && variant == 0)) return status.DONE;
  const c = control();
  c.ioPointer = <u32>(pass == PROTOTYPES ? c.featuresPointer : pass == PROBING ? c.scoresPointer : <u32>partAt());
  c.ioBytes = bytesOf(pass);
  if (piece == 0) {
    c.ioIndex = sample;
    // The counts of the probe lie where hosts read them.
    if (pass == PROBING) c.ioPointer = <u32>probeCounts();
    return status.SHARE;
  }
  const next = first + piece - 1;
  if (piece > 1) absorb(pass, next - 1);
  else if (pass == PROBING) store<u64>(probeCounts(), 0);
  if (sample + c.shards >= end && next < end) {
    c.ioIndex = next;
    return status.GATHER;
  }
  clearPart();
  return status.DONE;
}

function probeCounts(): usize {
  return changetype<usize>(control()) + offsetof<Control>('probePlain');
}

function bytesOf(pass: i32): u32 {
  if (pass == PROTOTYPES) return (<u32>control().featureCount) << 2;
  if (pass == PROBING) return 8;
  return <u32>(pass == SUPPORT ? layersBytes() : partBytes(pass == INFORMATION));
}

/** Adds the part of a sample, which the host has brought, to the sums of a pass. */
function absorb(pass: i32, from: i32): void {
  const c = control();
  switch (pass) {
    case PROTOTYPES:
      addToPrototype(c.featuresPointer, from);
      break;
    case PROBING:
      plain += load<i32>(c.scoresPointer);
      mirrored += load<i32>(c.scoresPointer, 4);
      break;
    case INFORMATION:
      addDelta();
      break;
    default:
      addGradients();
      if (pass == SUPPORT) break;
      addPrototypes();
      addLoss(load<f32>(lossPart()));
  }
}
