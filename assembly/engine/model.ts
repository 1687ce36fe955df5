import { Geometry } from '../kernels/geometry';
import { crc32 } from './checksum';
import { control } from './control';
import * as status from './status';
import { validHeader, validOp } from './valid';

/** Operators of a .ttm file (docs/formats.md). */
export const CONV2D: i32 = 1;
export const DEPTHWISE: i32 = 2;
export const LINEAR: i32 = 3;
export const ADD: i32 = 4;
export const MAXPOOL: i32 = 5;
export const AVGPOOL: i32 = 6;
export const GLOBALAVGPOOL: i32 = 7;

export const NO_VALUE: i32 = -1;
export const HEADER_BYTES: u32 = 128;
export const OP_BYTES: u32 = 128;
const MAGIC: u32 = 0x314d5454; // "TTM1"

/** An operator as the file holds it: the kernels' geometry first. */
@unmanaged
export class Op extends Geometry {
  op: i32;
  input0: i32;
  input1: i32;
  flags: u32;
  weights: u32;
  weightCount: i32;
  bias: u32;
  biasCount: i32;
  name: u32;
  nameBytes: u32;
  layer: i32;
  /** 0: floats; 1: int8. */
  type: u32;
  /** Of an int8 layer: offset of the scale of each output channel's weights. */
  scales: u32;
  /** Of an int8 operator: its output is (q - zero) * scale. */
  scale: f32;
  zero: i32;
}

let base: usize = 0;
let ops: i32 = 0;
/** Bytes of the file that lie in memory, and their checksum as far as it is known. */
let resident: u32 = 0;
let checked: u32 = 0;
let sum: u32 = 0;

/** Forgets the model. */
export function closeModel(): void {
  base = 0;
  ops = 0;
}

export function isOpen(): bool {
  return base != 0;
}

/** True if the model is open and its checksum has been found right. */
export function isReady(): bool {
  return base != 0 && checked == fileBytes();
}

/** True if the weights are not in memory: the host hands them over slice by slice. */
export function isWithHost(): bool {
  return resident != fileBytes();
}

/** True if the model may have int8 operators. */
export function isInt8(): bool {
  return load<u32>(base, 4) > 1;
}

/** True if weights reach float kernels slice by slice: those with the host, and those of an int8 model (slices.ts). */
export function isOutside(): bool {
  return isWithHost() || isInt8();
}

/** Bytes of the file that lie in memory. */
export function residentBytes(): u32 {
  return resident;
}

/** First byte of the file that the checksum has not seen. */
export function checkedBytes(): u32 {
  return checked;
}

/** Takes the next `bytes` bytes of the file, which lie at `at`, into the checksum. False if it turns out wrong. */
export function checkOn(at: usize, bytes: u32): bool {
  sum = crc32(at, bytes, sum);
  checked += bytes;
  return checked < fileBytes() || sum == load<u32>(base, 12);
}

export function modelBase(): usize {
  return base;
}

export function opCount(): i32 {
  return ops;
}

/** Bytes of the whole file. */
export function fileBytes(): u32 {
  return load<u32>(base, 8);
}

/** Operator i. */
export function opAt(i: i32): Op {
  return changetype<Op>(base + HEADER_BYTES + <u32>i * OP_BYTES);
}

/** Floats of value v: 0 is the input image, v > 0 the output of operator v - 1. */
export function valueFloats(v: i32): i32 {
  if (v == 0) return load<i32>(base, 40) * load<i32>(base, 44) * load<i32>(base, 48);
  const op = opAt(v - 1);
  return op.outH * op.outW * op.outC;
}

/** Scale of value v, 0 if it is one of floats only. */
export function scaleOf(v: i32): f32 {
  return v == 0 ? load<f32>(base, 96) : opAt(v - 1).scale;
}

/** Zero point of value v. */
export function zeroOf(v: i32): i32 {
  return v == 0 ? load<i32>(base, 100) : opAt(v - 1).zero;
}

/** Address of mean[4] and standard deviation[4] of the preprocessing. */
export function preprocessing(): usize {
  return base + 64;
}

export function weightsOf(op: Op): usize {
  return base + op.weights;
}

export function biasOf(op: Op): usize {
  return base + op.bias;
}

export function scalesOf(op: Op): usize {
  return base + op.scales;
}

/** Weights of one output channel. */
export function rowLength(op: Op): i32 {
  return op.weightCount / op.outC;
}

/** True if the window of an operator is 1x1, with stride 1 and no padding. */
export function hasUnitWindow(op: Op): bool {
  return (
    op.kernelH == 1 &&
    op.kernelW == 1 &&
    op.strideH == 1 &&
    op.strideW == 1 &&
    op.padTop == 0 &&
    op.padLeft == 0 &&
    op.padBottom == 0 &&
    op.padRight == 0
  );
}

/** True for a convolution that is a matrix product: each pixel for itself. */
export function isPointwise(op: Op): bool {
  return op.op == CONV2D && hasUnitWindow(op);
}

/** Multiply-accumulates of an operator's forward pass; taps that fall on padding count. */
export function macs(op: Op): f64 {
  return <f64>(op.outH * op.outW) * <f64>op.weightCount;
}

/**
 * Opens the model of `bytes` bytes of which the first `present` lie at `at` (16-byte aligned): all, or those before the
 * weights. Checks magic, size, checksum (of what is there) and every field, so that no kernel ever leaves the file or
 * its buffers. Returns a status; `detail` of the control block names the operator.
 */
export function openModel(at: usize, bytes: u32, present: u32): i32 {
  closeModel();
  control().detail = -1;
  if (bytes < 4 || present < 4 || load<u32>(at) != MAGIC) return status.MODEL_MAGIC;
  if (present > bytes || present < HEADER_BYTES + OP_BYTES) return status.MODEL_SIZE;
  if (load<u32>(at, 4) - 1 > 1) return status.MODEL_VERSION;
  if (load<u32>(at, 8) != bytes || (bytes & 15) != 0) return status.MODEL_SIZE;
  if (present < bytes && load<u32>(at, 32) != present) return status.MODEL_SIZE;
  resident = present;
  checked = present;
  sum = crc32(at + 16, present - 16);
  if (present == bytes && sum != load<u32>(at, 12)) return status.MODEL_CHECKSUM;
  if (!validHeader(at, bytes)) return status.MODEL_INVALID;
  base = at;
  ops = load<i32>(at, 16);
  let layers = 0;
  for (let i = 0; i < ops; ++i) {
    control().detail = i;
    const op = opAt(i);
    if (!validOp(op, i, bytes)) {
      closeModel();
      return status.MODEL_INVALID;
    }
    if (op.weightCount > 0) {
      if (op.layer != layers) {
        closeModel();
        return status.MODEL_INVALID;
      }
      ++layers;
    } else if (op.layer != -1) {
      closeModel();
      return status.MODEL_INVALID;
    }
  }
  control().detail = -1;
  if (layers != load<i32>(at, 20)) {
    closeModel();
    return status.MODEL_INVALID;
  }
  return status.DONE;
}
