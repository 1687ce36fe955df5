/**
 * What a plan must know of each value of the graph: who uses it, whether a gradient must reach it, what has to be kept
 * of it for the way back. Value 0 is the image, value i + 1 the output of operator i.
 */
import { FROZEN, layerOf, WEIGHTS } from './arena';
import { control } from './control';
import { ADD, MAXPOOL, macs, Op, opAt, opCount } from './model';
import { plannerScratch, VALUE_BYTES } from './program';

/** The loss depends on it. */
export const REACHES: u32 = 1;
/** A gradient must be computed for it. */
export const REQUIRES: u32 = 2;
/** Its values are needed on the way back. */
export const SAVE_VALUES: u32 = 4;
/** Of its values only the mask of the activation is needed on the way back. */
export const SAVE_MASK: u32 = 8;
/** Has to be computed again when its block is recomputed. */
export const AGAIN: u32 = 16;

/** Everything later depends on it alone: no other value crosses from before it to after it. */
export const CUT: u32 = 32;

@unmanaged
export class Value {
  flags: u32;
  /** Operators that use it, and the last of these. */
  uses: i32;
  lastUse: i32;
  /** Buffers of its values, its mask and its gradient, while steps are emitted. */
  buffer: i32;
  mask: i32;
  gradient: i32;
}

export function valueAt(v: i32): Value {
  return changetype<Value>(plannerScratch() + <u32>v * VALUE_BYTES);
}

export function has(v: i32, flag: u32): bool {
  return (valueAt(v).flags & flag) != 0;
}

export function mark(v: i32, flag: u32): void {
  valueAt(v).flags |= flag;
}

let fisherFrom: i32 = -1;

/** True if the plan is one of the Fisher pass. */
export function isFisher(): bool {
  return fisherFrom >= 0;
}

/** True if operator i is selected, whether the loss depends on it or not. */
export function isChosen(i: i32): bool {
  const op = opAt(i);
  return op.layer >= 0 && layerOf(op).kind != FROZEN;
}

/** True if the plan looks at (Fisher pass) or trains operator i. */
export function isTarget(i: i32): bool {
  const op = opAt(i);
  if (op.layer < 0 || !has(i + 1, REACHES)) return false;
  return fisherFrom >= 0 ? i >= fisherFrom : isChosen(i);
}

/**
 * The border of the plan: the first operator that runs in floats, because it is trained, or looked at in a Fisher pass, or
 * not int8. Those before it run in int8; after it all are floats. A network of which nothing is selected has no border.
 */
export function firstFloat(): i32 {
  const n = opCount();
  for (let i = 0; i < n; ++i) {
    if (opAt(i).type == 0) return i;
    if (fisherFrom >= 0 && fisherFrom < n ? i >= fisherFrom : isChosen(i)) return i;
  }
  return n;
}

/** The first operator that the plan looks at or trains; the number of operators if there is none. */
export function firstTarget(): i32 {
  for (let i = 0; i < opCount(); ++i) if (isTarget(i)) return i;
  return opCount();
}

/**
 * Fills the table for a plan that trains what the layers' selections say or, if `inspectFrom` is not negative, for the
 * Fisher pass over the layers from that operator on.
 */
export function analyse(inspectFrom: i32): void {
  fisherFrom = inspectFrom;
  const n = opCount();
  memory.fill(plannerScratch(), 0, VALUE_BYTES * (n + 1));
  for (let v = 0; v <= n; ++v) valueAt(v).lastUse = -1;
  for (let i = 0; i < n; ++i) {
    const op = opAt(i);
    used(op.input0, i);
    if (op.op == ADD) used(op.input1, i);
  }
  mark(n, REACHES);
  for (let i = n - 1; i >= 0; --i) {
    if (!has(i + 1, REACHES)) continue;
    const op = opAt(i);
    mark(op.input0, REACHES);
    if (op.op == ADD) mark(op.input1, REACHES);
  }
  for (let i = 0; i < n; ++i) {
    const op = opAt(i);
    if (!has(i + 1, REACHES)) continue;
    if (isTarget(i) || has(op.input0, REQUIRES) || (op.op == ADD && has(op.input1, REQUIRES))) mark(i + 1, REQUIRES);
  }
  for (let i = 0; i < n; ++i) if (has(i + 1, REQUIRES)) keep(i, opAt(i));
  let crossing = -1;
  for (let v = 0; v <= n; ++v) {
    if (crossing < v) mark(v, CUT);
    if (valueAt(v).lastUse > crossing) crossing = valueAt(v).lastUse;
  }
}

function used(v: i32, by: i32): void {
  const value = valueAt(v);
  value.uses++;
  value.lastUse = by;
}

/** Marks what the way back through operator i needs of its input and output. */
function keep(i: i32, op: Op): void {
  if (isTarget(i)) {
    if (fisherFrom >= 0) mark(i + 1, SAVE_VALUES);
    else if (layerOf(op).kind == WEIGHTS) mark(op.input0, SAVE_VALUES);
  }
  if (op.op == MAXPOOL && has(op.input0, REQUIRES)) mark(op.input0, SAVE_VALUES);
  if (op.activation) mark(i + 1, SAVE_MASK);
}

/** MACs of one sample's backward pass: weight gradients of the selected channels, and every input gradient on the way. */
export function backwardMacs(): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < opCount(); ++i) {
    const op = opAt(i);
    if (op.layer < 0 || !has(i + 1, REQUIRES)) continue;
    if (isTarget(i)) {
      const layer = layerOf(op);
      if (layer.kind == WEIGHTS) sum += (macs(op) * <f64>layer.count) / <f64>op.outC;
    }
    if (has(op.input0, REQUIRES)) sum += macs(op);
  }
  return sum;
}

/**
 * Sets the MACs of the forward pass and of the full backward pass: all weight gradients, all input gradients but those
 * towards the image.
 */
export function countMacs(): void {
  let forward: f64 = 0;
  let image: f64 = 0;
  for (let i = 0; i < opCount(); ++i) {
    const op = opAt(i);
    forward += macs(op);
    if (op.input0 == 0) image += macs(op);
  }
  const c = control();
  c.forwardMacs = forward;
  c.fullMacs = 2 * forward - image;
}
