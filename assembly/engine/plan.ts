/**
 * Planning: (graph, selection, mode) to a program. A job has up to four:
 *
 *   PREFIX    image -> frozen operators -> values that the host keeps        (once for each sample and variant)
 *   VALUES    cleared gradients; slices of weights -> what is trained of them (once)
 *   FEATURES  kept values or image -> the rest of the network -> features    (prototypes; nothing is saved)
 *   GRADIENTS the same, saving what the way back needs -> loss -> way back   (Fisher pass, training)
 *
 * An int8 model runs in int8 up to the plan's border (graph.ts); what crosses it becomes floats there, in one step a value,
 * and from there on everything is as in a float model: only the weights come as slices that are made floats (slices.ts).
 * What the host keeps of the prefix is int8 too, unless the prefix has crossed the border.
 *
 * With recomputation, what GRADIENTS goes back through is divided into blocks at values that everything later depends
 * on; going forward only those values are kept, and each block runs again just before the way back through it.
 */
import { layerAt, layerOf, WEIGHTS } from './arena';
import { blockBytes, blocksBytes, isDrawn } from './blocks';
import { control } from './control';
import { blockBefore, nextBlock } from './cuts';
import {
  AGAIN,
  analyse,
  firstFloat,
  firstTarget,
  has,
  isChosen,
  isFisher,
  isTarget,
  mark,
  REQUIRES,
  SAVE_MASK,
  SAVE_VALUES,
  valueAt,
} from './graph';
import { imageScratch } from './image';
import { ADD, isOutside, MAXPOOL, Op, opAt, opCount, valueFloats } from './model';
import { partsBytes } from './parts';
import {
  address,
  clearProgram,
  emit,
  keepBuffer,
  markTraining,
  NONE,
  newBuffer,
  programLength,
  S_ACTIVATION,
  S_AUGMENT,
  S_CLEAR,
  S_COPY,
  S_DEQUANTISE,
  S_END,
  S_FEATURES,
  S_FETCH,
  S_FISHER,
  S_FORWARD,
  S_HEAD,
  S_INPUT,
  S_MASK,
  S_SAMPLE,
  S_STORE,
  S_TAKE,
  S_UPDATE,
  S_WEIGHTS,
} from './program';
import { newPart, newScratch, newSlice } from './room';
import { keepsFloats, sliceBytes } from './slices';

export const PREFIX: i32 = 0;
export const FEATURES: i32 = 1;
export const GRADIENTS: i32 = 2;
export const VALUES: i32 = 3;

/** First step of each of the four programs. */
const starts: usize = memory.data(16, 16);
let storedCount: i32 = 0;
let recompute: bool = false;
let augmented: bool = false;
/** Buffer of the blocks of the trained layers; in a probe, of features. */
let blocks: i32 = -1;
/** Buffer of what single samples add, where instances share them. */
let parts: i32 = -1;
/** First operator after the cached prefix. */
let begin: i32 = 0;
/** The first operator that runs in floats. */
let border: i32 = 0;
/** Whether the program that is being emitted has passed the border. */
let crossed: bool = true;
/** Bytes behind a value of 8 bits that a kernel may read. */
const SLACK: u32 = 16;
/** Values up to this one must not be overwritten: the image, or what the recomputed blocks start from. */
let kept: i32 = 0;

/** First step of a program, or -1 where the plan has no such program. */
export function programStart(program: i32): i32 {
  return load<i32>(starts + (program << 2));
}

/** True if operator i runs in int8. */
export function isSmall(i: i32): bool {
  return i < border;
}

/** Bytes of value v as the host keeps it. */
export function storedBytes(v: i32): u32 {
  return (<u32>valueFloats(v)) << (begin <= border ? 0 : 2);
}

/** Values of one sample that the host keeps; 0 without a cached prefix. */
export function storedValues(): i32 {
  return storedCount;
}

/**
 * Emits the programs. `inspectFrom` >= 0: the Fisher pass from that operator on; -1: training of what is selected.
 * `gradients`: with the way back; `cached`: the frozen prefix is computed once; `augment`: samples may be augmented;
 * `recomputed`: blocks are.
 */
export function planPrograms(inspectFrom: i32, gradients: bool, cached: bool, augment: bool, recomputed: bool): void {
  analyse(inspectFrom);
  clearProgram();
  recompute = recomputed;
  kept = 0;
  augmented = augment;
  storedCount = 0;
  const c = control();
  const n = opCount();
  const first = firstTarget();
  border = firstFloat();
  begin = cached && first < n && crossing(first) < 256 ? first : 0;
  memory.fill(starts, 0xff, 16);
  if (begin > 0) {
    store<i32>(starts, programLength());
    crossed = border == 0;
    emitImage();
    for (let i = 0; i < begin; ++i) emitForward(i, false);
    storedCount = emitKept(S_STORE);
    endProgram(NONE, NONE);
  }
  blocks = NONE;
  const trains = gradients && inspectFrom < 0;
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    const keeps = trains && layer.op >= max(begin, border) && keepsFloats();
    layer.floatsOf = keeps ? newBuffer(sliceBytes(opAt(layer.op), true), false) + 1 : 0;
  }
  if (trains) emitValues();
  // A probe keeps the features of its samples, where it need not save RAM.
  if (inspectFrom == n && augment && !c.ramBudget) blocks = newBuffer(4 * c.samples * c.featureCount, false);
  const bytes = min<u64>(partsBytes(gradients, inspectFrom), 0xfffffff0);
  parts = bytes ? newBuffer(<u32>bytes, false) : NONE;
  store<i32>(starts, programLength(), 4);
  emitInputs();
  for (let i = begin; i < n; ++i) emitForward(i, false);
  emitBorder();
  emit(S_FEATURES, 0, 0, valueAt(n).buffer, NONE, NONE, NONE);
  endProgram(blocks, parts);
  if (gradients && first < n) {
    store<i32>(starts, programLength(), 8);
    emitInputs();
    emitGradients(first);
    endProgram(blocks, parts);
  }
  for (let l = 0; l < control().layerCount; ++l) if (layerAt(l).floatsOf) keepBuffer(layerAt(l).floatsOf - 1);
}

/** End of a program, until which these buffers live. */
function endProgram(c: i32, d: i32): void {
  emit(S_END, 0, 0, NONE, NONE, c, d);
}

/** Blocks of the trained layers: from here to the end of the job. The prefix, which comes before, may use their room. */
function emitValues(): void {
  const bytes = min<u64>(blocksBytes(), 0xfffffff0);
  if (bytes == 0) return;
  store<i32>(starts, programLength(), 12);
  blocks = newBuffer(<u32>bytes, false);
  emit(S_CLEAR, 0, 0, NONE, NONE, blocks, NONE);
  if (isOutside())
    for (let i = 0; i < opCount(); ++i)
      if (isChosen(i)) emit(S_TAKE, i, 0, NONE, newSlice(opAt(i), true), blocks, NONE);
  endProgram(NONE, NONE);
}

/** Address of the blocks of the trained layers, once buffers have their places. */
export function blocksAddress(): usize {
  return blocks < 0 ? 0 : address(blocks);
}

/** Address of the buffer of parts; 0 where there is none. */
export function partsAddress(): usize {
  return parts < 0 ? 0 : address(parts);
}

/** Number of values that operators from `border` on need of those before it. */
function crossing(border: i32): i32 {
  let count = 0;
  for (let v = 0; v <= border; ++v) count += <i32>(valueAt(v).lastUse >= border);
  return count;
}

/** Bytes of value v where the program is: on which side of the border. */
function bytesOf(v: i32): u32 {
  return crossed ? (<u32>valueFloats(v)) << 2 : valueFloats(v) + SLACK;
}

/** The image, augmented on the way if the job may ask for that. */
function emitImage(): void {
  const raw = augmented ? newBuffer(bytesOf(0), false) : NONE;
  const image = newBuffer(bytesOf(0), false);
  const floats = crossed ? NONE : newBuffer(imageScratch(), false);
  valueAt(0).buffer = image;
  emit(S_SAMPLE, 0, 0, raw, NONE, image, floats);
  if (augmented) emit(S_AUGMENT, 0, 0, raw, NONE, image, floats);
}

/** The border, if the program has not passed it: what is needed behind it becomes floats. */
function emitBorder(): void {
  if (crossed) return;
  crossed = true;
  for (let v = 0; v <= border; ++v) {
    const value = valueAt(v);
    if (value.lastUse < border && v < opCount()) continue;
    const floats = newBuffer(bytesOf(v), false);
    emit(S_DEQUANTISE, v, 0, value.buffer, NONE, floats, NONE);
    value.buffer = floats;
  }
}

function emitInputs(): void {
  crossed = border == 0 || begin > border;
  if (begin == 0) {
    emitImage();
    return;
  }
  for (let v = 0; v <= begin; ++v) if (valueAt(v).lastUse >= begin) valueAt(v).buffer = newBuffer(bytesOf(v), false);
  emitKept(S_FETCH);
}

/** One step for each value that crosses the border of the prefix; returns how many there are. */
function emitKept(code: u8): i32 {
  let count = 0;
  for (let v = 0; v <= begin; ++v) {
    if (valueAt(v).lastUse < begin) continue;
    emit(code, v, count++, valueAt(v).buffer, NONE, NONE, NONE);
  }
  return count;
}

/** Forward step of operator i; with `save`, what the way back needs of its output is kept. */
function emitForward(i: i32, save: bool): void {
  if (i == border) emitBorder();
  const op = opAt(i);
  const out = valueAt(i + 1);
  const inPlace = op.op == ADD ? reusable(op, save) : NONE;
  const second = op.op == ADD ? valueAt(op.input1).buffer : newSlice(op, true);
  out.buffer = inPlace >= 0 ? inPlace : newBuffer(bytesOf(i + 1), false);
  out.mask = NONE;
  emit(S_FORWARD, i, 0, valueAt(op.input0).buffer, second, out.buffer, newScratch(op, false));
  if (!save) return;
  if (has(i + 1, SAVE_VALUES)) markTraining(out.buffer);
  else if (has(i + 1, SAVE_MASK)) {
    out.mask = newBuffer(((<u32>valueFloats(i + 1) + 31) >> 5) << 2, true);
    emit(S_MASK, i, 0, out.buffer, NONE, out.mask, NONE);
  }
}

/** Buffer of an addition's input that nothing else needs, so that the sum can take its place. */
function reusable(op: Op, save: bool): i32 {
  if (op.input0 == op.input1) return NONE;
  for (let k = 1; k >= 0; --k) {
    const v = k ? op.input1 : op.input0;
    if (v > kept && valueAt(v).uses == 1 && !(save && has(v, SAVE_VALUES))) return valueAt(v).buffer;
  }
  return NONE;
}

/** Forward with saving, loss, and the way back to operator `first`. */
function emitGradients(first: i32): void {
  const n = opCount();
  for (let i = begin; i < first; ++i) emitForward(i, false);
  emitBorder();
  let last = first;
  if (recompute) {
    kept = first;
    for (let v = 0; v <= first; ++v) if (valueAt(v).lastUse >= first) markTraining(valueAt(v).buffer);
    last = nextBlock(first);
    for (let start = first; last < n; last = nextBlock(last)) {
      for (let i = start; i < last; ++i) emitForward(i, false);
      markTraining(valueAt(last).buffer);
      start = last;
    }
    last = first;
    for (let next = nextBlock(last); next < n; next = nextBlock(last)) last = next;
  } else {
    for (let v = 0; v <= first; ++v)
      if (has(v, SAVE_VALUES) && valueAt(v).lastUse >= first) markTraining(valueAt(v).buffer);
  }
  for (let i = last; i < n; ++i) emitForward(i, true);
  for (let v = 0; v <= n; ++v) valueAt(v).gradient = NONE;
  valueAt(n).gradient = newBuffer(bytesOf(n), true);
  emit(S_HEAD, 0, 0, valueAt(n).buffer, NONE, valueAt(n).gradient, NONE);
  for (let i = n - 1; i >= last; --i) emitBackward(i);
  while (last > first) {
    const start = blockBefore(first, last);
    emitAgain(start, last);
    for (let i = last - 1; i >= start; --i) emitBackward(i);
    last = start;
  }
}

/** Runs the operators of a block again, but for its last, whose output is still there, and those nothing needs. */
function emitAgain(start: i32, end: i32): void {
  for (let v = start + 1; v < end; ++v) if (has(v, SAVE_VALUES | SAVE_MASK)) mark(v, AGAIN);
  for (let i = end - 2; i >= start; --i) {
    if (!has(i + 1, AGAIN)) continue;
    mark(opAt(i).input0, AGAIN);
    if (opAt(i).op == ADD) mark(opAt(i).input1, AGAIN);
  }
  valueAt(end).mask = NONE;
  for (let i = start; i < end - 1; ++i) if (has(i + 1, AGAIN)) emitForward(i, true);
}

/** Steps of the way back through operator i. */
function emitBackward(i: i32): void {
  const op = opAt(i);
  const out = valueAt(i + 1);
  const dy = out.gradient;
  if (dy < 0 || !has(i + 1, REQUIRES)) return;
  if (isTarget(i) && isFisher()) emit(S_FISHER, i, 0, out.buffer, dy, NONE, NONE);
  if (op.activation) {
    if (out.mask >= 0) emit(S_ACTIVATION, i, 1, out.mask, dy, NONE, NONE);
    else emit(S_ACTIVATION, i, 0, out.buffer, dy, NONE, NONE);
  }
  const trains = isTarget(i) && !isFisher();
  const slope = trains && isDrawn() ? newBuffer(<u32>min<u64>(blockBytes(layerOf(op)), 0xfffffff0), true) : NONE;
  if (trains) {
    const weights = layerOf(op).kind == WEIGHTS;
    if (weights) emit(S_WEIGHTS, i, 1, valueAt(op.input0).buffer, dy, newPart(op), newScratch(op, true));
    else emit(S_WEIGHTS, i, 0, NONE, dy, NONE, NONE);
  }
  if (op.op == ADD) {
    // The later of the two inputs may take the gradient over as it is; the other gets a copy or the sum.
    const second = op.input1 > op.input0;
    emitShare(second ? op.input0 : op.input1, dy, !has(second ? op.input1 : op.input0, REQUIRES));
    emitShare(second ? op.input1 : op.input0, dy, true);
  } else if (has(op.input0, REQUIRES)) {
    const dx = valueAt(op.input0);
    const sum = dx.gradient >= 0;
    if (!sum) dx.gradient = newBuffer(bytesOf(op.input0), true);
    emit(
      S_INPUT,
      i,
      <i32>sum,
      op.op == MAXPOOL ? valueAt(op.input0).buffer : newSlice(op, false),
      dy,
      dx.gradient,
      newScratch(op, true),
    );
  }
  // Only now: the way back leads through the weights that the way forward had.
  if (slope >= 0) emit(S_UPDATE, i, 0, NONE, NONE, slope, NONE);
}

/** Hands the gradient of a sum on to input v: taken over, copied or added. */
function emitShare(v: i32, dy: i32, take: bool): void {
  if (!has(v, REQUIRES)) return;
  const value = valueAt(v);
  if (value.gradient >= 0) emit(S_COPY, v, 1, NONE, dy, value.gradient, NONE);
  else if (take) value.gradient = dy;
  else {
    value.gradient = newBuffer(bytesOf(v), true);
    emit(S_COPY, v, 0, NONE, dy, value.gradient, NONE);
  }
}
