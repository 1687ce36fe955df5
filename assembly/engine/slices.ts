/**
 * Weights that a kernel can't read in place reach it slice by slice: those with the host (in flash, in a file), and int8
 * weights where the plan runs in floats. A slice is the numbers of some output channels in a row, in a buffer of the plan:
 *
 *   | weights of sliceRows(op) channels | their biases | their scales (of int8) |
 *
 * Pointwise and fully connected layers, which hold most of a network's weights, run slice after slice with the bits of
 * one run (kernels/pointwise.ts); other layers take all of theirs at once. int8 numbers for a float kernel come at the end
 * of the place of their floats, which are then written from its beginning. Where RAM has no limit, training keeps one slice
 * of all channels for each layer that it goes through: what is trained is written over it once it has changed.
 */
import { dequantise_all, dequantise_each } from '../kernels/int8';
import { align16, FROZEN, layerOf } from './arena';
import { control } from './control';
import {
  biasOf,
  DEPTHWISE,
  isOutside,
  isPointwise,
  isWithHost,
  LINEAR,
  modelBase,
  Op,
  opAt,
  rowLength,
  scaleOf,
  scalesOf,
  weightsOf,
} from './model';
import { isSmall } from './plan';
import { S_FORWARD, S_INPUT, S_TAKE, Step } from './program';
import * as status from './status';
import { exchange } from './trained';

/** Bytes of weights in a slice, if a channel does not have more; and of weights in memory, where RAM has no limit. */
const SLICE_BYTES: i32 = 8192;
const LARGE_BYTES: i32 = 1 << 17;
/** Of a layer's kept floats (`floatsOf`): all is as it should be; what is trained has changed since. */
const FRESH: i32 = -1;
export const STALE: i32 = -2;
/** A slice has a multiple of so many channels, where it can: whole tiles. */
const WHOLE: i32 = 8;

/** True if the plan runs a layer in int8. */
function runsInt8(op: Op): bool {
  return isSmall(layerOf(op).op);
}

/** True if a job that trains keeps the floats of int8 weights that it reads again and again: where RAM has no limit. */
export function keepsFloats(): bool {
  return isOutside() && !isWithHost() && !control().ramBudget;
}

/** True if the plan can't read a layer's weights where the model has them. */
function isSliced(op: Op): bool {
  return isWithHost() || (isOutside() && !runsInt8(op));
}

/** Bytes of n weights as the kernel reads them. */
function bytesOf(op: Op, n: i32): u32 {
  return (<u32>n) << (runsInt8(op) ? 0 : 2);
}

/** Most output channels of a slice; all of a layer that is read in place. */
function sliceRows(op: Op): i32 {
  if (!isSliced(op) || layerOf(op).floatsOf || (!isPointwise(op) && op.op != LINEAR)) return op.outC;
  const most = isWithHost() || control().ramBudget ? SLICE_BYTES : LARGE_BYTES;
  const fit = most / <i32>bytesOf(op, rowLength(op));
  return min(op.outC, fit >= WHOLE ? fit & -WHOLE : max(fit, 1));
}

function weightBytes(op: Op): u32 {
  return <u32>align16(bytesOf(op, sliceRows(op) * rowLength(op)));
}

/** Bytes of a slice's buffer. */
export function sliceBytes(op: Op, forward: bool): u32 {
  return weightBytes(op) + ((<u32>sliceRows(op)) << 2) * (<u32>forward + op.type);
}

/** True for a step that reads weights which come as slices. */
export function needsSlices(s: Step): bool {
  if (s.code != S_FORWARD && s.code != S_INPUT && s.code != S_TAKE) return false;
  const op = opAt(s.op);
  return op.layer >= 0 && isSliced(op);
}

/** Channels of the slice that begins with channel `first`. */
export function rowsOfSlice(op: Op, first: i32): i32 {
  return min(sliceRows(op), op.outC - first);
}

/** Weights of the step's slice: in its buffer, or in the model. */
export function sliceWeights(op: Op, s: Step): usize {
  if (!needsSlices(s)) return weightsOf(op);
  return s.code == S_INPUT ? s.a : s.b;
}

/** Biases of the step's slice. */
export function sliceBiases(op: Op, s: Step): usize {
  return needsSlices(s) ? <usize>(s.b + weightBytes(op)) : biasOf(op);
}

/** Scales of the step's slice. */
export function sliceScales(op: Op, s: Step): usize {
  if (!needsSlices(s)) return scalesOf(op);
  return sliceWeights(op, s) + weightBytes(op) + (s.code == S_INPUT ? 0 : sliceRows(op) << 2);
}

/**
 * Takes a slice, from channel `first` on, piece by piece: asks the host for the next one, or copies what is in memory.
 * DONE if the step has all.
 */
export function takeSlice(s: Step, first: i32, piece: i32): i32 {
  const c = control();
  if (layerOf(opAt(s.op)).floatsOf < 0) return status.DONE;
  while (request(s, first, piece)) {
    if (isWithHost()) return status.SLICE;
    memory.copy(c.ioPointer, modelBase() + <usize>c.ioIndex, c.ioBytes);
    ++piece;
  }
  return status.DONE;
}

/** Describes a piece of the slice: weights, scales (of int8), biases (going forward). False if there are no more. */
function request(s: Step, first: i32, piece: i32): bool {
  const c = control();
  const op = opAt(s.op);
  const rows = rowsOfSlice(op, first);
  c.ioBytes = rows << 2;
  if (piece == 0) {
    const row = rowLength(op);
    const n = rows * row;
    c.ioBytes = (<u32>n) << (op.type ? 0 : 2);
    c.ioPointer = <u32>sliceWeights(op, s) + bytesOf(op, n) - c.ioBytes;
    c.ioIndex = op.weights + ((first * row) << (op.type ? 0 : 2));
  } else if (piece == 1 && op.type) {
    c.ioPointer = <u32>sliceScales(op, s);
    c.ioIndex = op.scales + (first << 2);
  } else if (s.code != S_INPUT && piece == <i32>op.type + 1) {
    c.ioPointer = <u32>sliceBiases(op, s);
    c.ioIndex = op.bias + (first << 2);
  } else return false;
  return true;
}

/** Makes floats of a slice of int8 where the plan wants such. */
function widen(op: Op, s: Step, rows: i32): void {
  const w = sliceWeights(op, s);
  const scales = sliceScales(op, s);
  const row = rowLength(op);
  const n = rows * row;
  const depthwise = op.op == DEPTHWISE;
  // Of a depthwise layer, channels lie side by side.
  const length = depthwise ? rows : row;
  for (let i = 0; i < n; i += length) {
    const to = w + (i << 2);
    const from = w + 3 * n + i;
    if (depthwise) dequantise_each(to, from, length, scales);
    else dequantise_all(to, from, length, load<f32>(scales + ((i / length) << 2)), 0);
  }
  if (s.code == S_INPUT) return;
  const biases = sliceBiases(op, s);
  for (let i = 0; i < rows << 2; i += 4) {
    const scale = <f64>load<f32>(scales + i) * <f64>scaleOf(op.input0);
    store<f32>(biases + i, <f32>(<f64>load<i32>(biases + i) * scale));
  }
}

/** Makes the slice from channel `first` on what the step reads: floats, with what is trained; or (S_TAKE) takes that. */
export function layOver(s: Step, first: i32): void {
  const op = opAt(s.op);
  const layer = layerOf(op);
  const rows = rowsOfSlice(op, first);
  const kept = layer.floatsOf;
  if (kept == FRESH) return;
  if (kept) layer.floatsOf = FRESH;
  if (op.type && !runsInt8(op) && kept >= 0) widen(op, s, rows);
  if (layer.kind == FROZEN || layer.values == 0) return;
  const biases: usize = s.code == S_INPUT ? 0 : sliceBiases(op, s);
  exchange(layer, layer.values, sliceWeights(op, s), biases, first, rows, s.code != S_TAKE);
}
