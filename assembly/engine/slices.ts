/**
 * Weights that are with the host (in flash, in a file) reach a kernel slice by slice. A slice is the weights and biases
 * of some output channels in a row, in a buffer of the plan:
 *
 *   | weights of sliceRows(op) channels | their biases (going forward) |
 *
 * Pointwise and fully connected layers, which hold most of a network's weights, run slice after slice with the bits of
 * one run (kernels/pointwise.ts); other layers take all of theirs at once.
 */
import { align16, FROZEN, layerOf } from './arena';
import { control } from './control';
import { biasOf, isOutside, isPointwise, LINEAR, Op, opAt, rowLength, weightsOf } from './model';
import { S_FORWARD, S_INPUT, S_TAKE, Step } from './program';
import * as status from './status';
import { exchange } from './trained';

/** Bytes of weights in a slice, if a channel does not have more. */
const SLICE_BYTES: i32 = 8192;
/** A slice has a multiple of so many channels, where it can: whole tiles. */
const WHOLE: i32 = 8;

/** Most output channels of a slice; all of a model in memory. */
function sliceRows(op: Op): i32 {
  if (!isOutside() || (!isPointwise(op) && op.op != LINEAR)) return op.outC;
  const fit = SLICE_BYTES / (rowLength(op) << 2);
  return min(op.outC, fit >= WHOLE ? fit & -WHOLE : max(fit, 1));
}

function weightBytes(op: Op): u32 {
  return <u32>align16((<usize>(sliceRows(op) * rowLength(op))) << 2);
}

/** Bytes of a slice's buffer. */
export function sliceBytes(op: Op, forward: bool): u32 {
  return weightBytes(op) + (forward ? (<u32>sliceRows(op)) << 2 : 0);
}

/** True for a step that reads weights which are with the host. */
export function needsSlices(s: Step): bool {
  return isOutside() && (s.code == S_FORWARD || s.code == S_INPUT || s.code == S_TAKE) && opAt(s.op).layer >= 0;
}

/** Channels of the slice that begins with channel `first`. */
export function rowsOfSlice(op: Op, first: i32): i32 {
  return min(sliceRows(op), op.outC - first);
}

/** Weights of the step's slice: in its buffer, or in the model. */
export function sliceWeights(op: Op, s: Step): usize {
  if (!isOutside()) return weightsOf(op);
  return s.code == S_INPUT ? s.a : s.b;
}

/** Biases of the step's slice. */
export function sliceBiases(op: Op, s: Step): usize {
  return isOutside() ? <usize>(s.b + weightBytes(op)) : biasOf(op);
}

/** Asks the host for piece 0 (weights) or 1 (biases) of the slice from channel `first` on; DONE if the step has all. */
export function requestSlice(s: Step, first: i32, piece: i32): i32 {
  const c = control();
  const op = opAt(s.op);
  const rows = rowsOfSlice(op, first);
  if (piece == 0) {
    const row = rowLength(op) << 2;
    c.ioPointer = <u32>sliceWeights(op, s);
    c.ioBytes = rows * row;
    c.ioIndex = op.weights + first * row;
  } else if (piece == 1 && s.code != S_INPUT) {
    c.ioPointer = <u32>sliceBiases(op, s);
    c.ioBytes = rows << 2;
    c.ioIndex = op.bias + (first << 2);
  } else return status.DONE;
  return status.SLICE;
}

/** Lays what is trained of a layer over the slice from channel `first` on; or (S_TAKE) takes it from there. */
export function layOver(s: Step, first: i32): void {
  const op = opAt(s.op);
  const layer = layerOf(op);
  if (layer.kind == FROZEN || layer.values == 0) return;
  const biases: usize = s.code == S_INPUT ? 0 : sliceBiases(op, s);
  exchange(layer, layer.values, sliceWeights(op, s), biases, first, rowsOfSlice(op, first), s.code != S_TAKE);
}
