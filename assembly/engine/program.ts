/**
 * A program: steps with fixed addresses, and the buffers they use. While a plan is made, a step's operands are numbers
 * of buffers, and each buffer remembers the first and the last step that touches it; `place` then gives every buffer
 * an address such that buffers that live at the same time don't overlap, and `resolve` puts the addresses in the steps.
 *
 *   jobStart | steps ... | persistent: gradients, optimiser state | activations ...
 *   while planning:      | buffers' table, live bytes a step      |
 */
import { align16, jobStart, layerOf } from './arena';
import { isInt8, opAt, opCount } from './model';

// Steps. Operands a, b, c, d are buffers; NONE is no buffer. Where weights are with the host, a step that reads them has
// a buffer for one slice of them: b of S_FORWARD, a of S_INPUT.
/** Ask for the sample: straight into c, or into a if it is to be augmented; as int8 by way of d. */
export const S_SAMPLE: u8 = 1;
/** Pseudo-query: augment a into c; of int8, with rows of floats in d. */
export const S_AUGMENT: u8 = 2;
/** Forward of an operator: inputs a, b; output c; scratch d. */
export const S_FORWARD: u8 = 3;
/** One bit an element of a into c: where the activation's derivative is 1. */
export const S_MASK: u8 = 4;
/** Store or fetch value a with the host; `flag` is its number among the stored values. */
export const S_STORE: u8 = 5;
export const S_FETCH: u8 = 6;
/** End of a forward pass: what to do with the features a depends on the role. */
export const S_FEATURES: u8 = 7;
/** Loss, or the prototype's gradient: features a, their gradient c. */
export const S_HEAD: u8 = 8;
/** Fisher information of an operator: values a, gradient b. */
export const S_FISHER: u8 = 9;
/** The activation's derivative, in place on gradient b: from values a, or (flag 1) from mask a. */
export const S_ACTIVATION: u8 = 10;
/** Bias and (flag 1) weight gradient: gradient b, input a, scratch d; c is for the sum of a sample, where one is needed. */
export const S_WEIGHTS: u8 = 11;
/** Input gradient: gradient b into c (flag 1: added to c), input a where the operator needs it, scratch d. */
export const S_INPUT: u8 = 12;
/** Gradient of an addition: b copied (flag 0) or added (flag 1) to c. */
export const S_COPY: u8 = 13;
/** End of a program. */
export const S_END: u8 = 14;
/** Take the values that will be trained out of the slices of an operator's weights, which are in b. */
export const S_TAKE: u8 = 15;
/** Clear the blocks of the trained layers, c. */
export const S_CLEAR: u8 = 16;
/** Value `op` of 8 bits, in a, as floats into c. */
export const S_DEQUANTISE: u8 = 17;

/** Update of an operator's layer by its gradient, which is in c until then. */
export const S_UPDATE: u8 = 18;

@unmanaged
export class Step {
  code: u8;
  flag: u8;
  op: u16;
  a: u32;
  b: u32;
  c: u32;
  d: u32;
}

@unmanaged
class Buffer {
  bytes: u32;
  first: i32;
  last: i32;
  offset: u32;
  training: i32;
  placed: i32;
}

export const NONE: i32 = -1;
const STEP_BYTES: u32 = 20;
const BUFFER_BYTES: u32 = 24;

let steps: usize = 0;
let stepCount: i32 = 0;
let buffers: usize = 0;
let bufferCount: i32 = 0;
let bufferLimit: u32 = 0;
let stepLimit: u32 = 0;
let scratch: usize = 0;
let difference: usize = 0;
let ranking: usize = 0;

/**
 * Bounds: of an operator, at most three steps forward with output, scratch and slice each, their masks, eight steps going
 * back, and one that takes its values; four programs.
 */
export function planningEnd(): usize {
  const n = <u32>opCount();
  // A value may cross the border in each of three programs.
  const crossings = isInt8() ? 3 * n + 3 : 0;
  stepLimit = 18 * n + 32 + crossings;
  bufferLimit = 18 * n + 32 + crossings;
  steps = jobStart();
  buffers = align16(steps + stepLimit * STEP_BYTES);
  // Behind the buffers: the planner's own tables, five words a value.
  scratch = align16(buffers + bufferLimit * BUFFER_BYTES);
  difference = align16(scratch + VALUE_BYTES * (n + 1));
  ranking = align16(difference + 4 * (stepLimit + 1));
  let most = 0;
  for (let i = 0; i < opCount(); ++i) most = max<i32>(most, opAt(i).outC);
  return align16(ranking + 4 * <u32>most);
}

/** A float for each channel of any one layer, for the selector. */
export function rankingScratch(): usize {
  return ranking;
}

/** Words that the planner keeps of each value (graph.ts). */
export const VALUE_BYTES: u32 = 24;

/** The planner's own memory: `VALUE_BYTES` for each value. */
export function plannerScratch(): usize {
  return scratch;
}

export function clearProgram(): void {
  stepCount = 0;
  bufferCount = 0;
}

export function stepAt(i: i32): Step {
  return changetype<Step>(steps + <u32>i * STEP_BYTES);
}

export function programLength(): i32 {
  return stepCount;
}

function bufferAt(i: i32): Buffer {
  return changetype<Buffer>(buffers + <u32>i * BUFFER_BYTES);
}

/** A new buffer; `training` if inference alone would not have it. */
export function newBuffer(bytes: u32, training: bool): i32 {
  const b = bufferAt(bufferCount);
  b.bytes = <u32>align16(bytes);
  b.first = stepCount;
  b.last = stepCount;
  b.training = <i32>training;
  b.placed = 0;
  return bufferCount++;
}

/** Counts a buffer as training's from now on. */
export function markTraining(buffer: i32): void {
  bufferAt(buffer).training = 1;
}

/** Keeps a buffer until the last step of all. */
export function keepBuffer(buffer: i32): void {
  bufferAt(buffer).last = stepCount - 1;
}

/** Appends a step; every buffer it names lives at least until it. */
export function emit(code: u8, op: i32, flag: i32, a: i32, b: i32, c: i32, d: i32): void {
  const s = stepAt(stepCount);
  s.code = code;
  s.flag = <u8>flag;
  s.op = <u16>op;
  s.a = use(a);
  s.b = use(b);
  s.c = use(c);
  s.d = use(d);
  ++stepCount;
}

function use(buffer: i32): u32 {
  if (buffer >= 0) bufferAt(buffer).last = stepCount;
  return <u32>buffer;
}

/** Highest sum of the bytes of training's buffers (or of all) over the steps: the live bytes of the plan. */
export function liveBytes(trainingOnly: bool): u32 {
  memory.fill(difference, 0, 4 * (<usize>stepCount + 1));
  for (let i = 0; i < bufferCount; ++i) {
    const b = bufferAt(i);
    if (trainingOnly && !b.training) continue;
    const first = difference + (b.first << 2);
    const after = difference + ((b.last + 1) << 2);
    store<u32>(first, load<u32>(first) + b.bytes);
    store<u32>(after, load<u32>(after) - b.bytes);
  }
  let peak: u32 = 0;
  let live: u32 = 0;
  for (let t = 0; t < stepCount; ++t) {
    live += load<u32>(difference + (t << 2));
    if (live > peak) peak = live;
  }
  return peak;
}

/** First byte behind the steps: where what persists through the job begins. */
export function stepsEnd(): usize {
  return align16(steps + <u32>stepCount * STEP_BYTES);
}

/**
 * Places the buffers at or above `low`: the largest first, each at the lowest address where it meets no buffer that
 * lives while it does (greedy by size, Pisarchyk and Lee 2020, arXiv 2001.03288). Returns where the last one ends.
 */
export function layOut(low: u64): u64 {
  let end = low;
  const last = buffers + <usize>bufferCount * BUFFER_BYTES;
  for (let i = 0; i < bufferCount; ++i) bufferAt(i).placed = 0;
  for (let n = 0; n < bufferCount; ++n) {
    let pick: usize = 0;
    let most: i64 = -1;
    for (let at = buffers; at < last; at += BUFFER_BYTES) {
      const b = changetype<Buffer>(at);
      if (b.placed || <i64>b.bytes <= most) continue;
      pick = at;
      most = b.bytes;
    }
    const buffer = changetype<Buffer>(pick);
    const top = settle(buffer, low);
    if (top > end) end = top;
    buffer.placed = 1;
  }
  return end;
}

/** Puts the buffers' addresses into the steps. */
export function resolve(): void {
  for (let t = 0; t < stepCount; ++t) {
    const s = stepAt(t);
    s.a = address(s.a);
    s.b = address(s.b);
    s.c = address(s.c);
    s.d = address(s.d);
    if (s.code == S_UPDATE) layerOf(opAt(s.op)).gradient = s.c;
  }
}

/** Lowest free place for a buffer among those placed; returns the address behind it. */
function settle(buffer: Buffer, low: u64): u64 {
  const buffersEnd = buffers + <usize>bufferCount * BUFFER_BYTES;
  let at = low;
  let moved = true;
  while (moved) {
    moved = false;
    for (let i = buffers; i < buffersEnd; i += BUFFER_BYTES) {
      const other = changetype<Buffer>(i);
      if (!other.placed || other.last < buffer.first || buffer.last < other.first) continue;
      const end = <u64>other.offset + other.bytes;
      if (at < end && at + buffer.bytes > other.offset) {
        at = end;
        moved = true;
      }
    }
  }
  buffer.offset = <u32>at;
  return at + buffer.bytes;
}

/** Address of a buffer that has been placed. */
export function address(buffer: u32): u32 {
  return <i32>buffer < 0 ? 0 : bufferAt(<i32>buffer).offset;
}
