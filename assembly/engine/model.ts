import { Geometry } from '../kernels/geometry';
import { crc32 } from './checksum';
import { control } from './control';
import * as status from './status';

/** Operators of a .ttm file (docs/formats.md). */
export const CONV2D: i32 = 1;
export const DEPTHWISE: i32 = 2;
export const LINEAR: i32 = 3;
export const ADD: i32 = 4;
export const MAXPOOL: i32 = 5;
export const AVGPOOL: i32 = 6;
export const GLOBALAVGPOOL: i32 = 7;

export const NO_VALUE: i32 = -1;
const HEADER_BYTES: u32 = 128;
const OP_BYTES: u32 = 128;
const MAGIC: u32 = 0x314d5454; // "TTM1"
/** Channels have 16 bits in a patch. */
const MAX_SIDE: u32 = 65535;
/** Keeps offsets into an image or into weights inside 31 bits. */
const MAX_ELEMENTS: u64 = 1 << 28;
/** Most values of one kernel row of a convolution: a strip of windows is scratch. */
const MAX_ROW: u64 = 1 << 24;
const MAX_OPS: u32 = 4096;

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
export function isOutside(): bool {
  return resident != fileBytes();
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

/** Weights of one output channel. */
export function rowLength(op: Op): i32 {
  return op.weightCount / op.outC;
}

/** True for a convolution that is a matrix product: 1x1, stride 1, no padding. */
export function isPointwise(op: Op): bool {
  return (
    op.op == CONV2D &&
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
  if (load<u32>(at, 4) != 1) return status.MODEL_VERSION;
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

function validHeader(at: usize, bytes: u32): bool {
  const count = load<u32>(at, 16);
  if (count < 1 || count > MAX_OPS) return false;
  const names = load<u32>(at, 24);
  const nameBytes = load<u32>(at, 28);
  const weights = load<u32>(at, 32);
  if (names < HEADER_BYTES + count * OP_BYTES || names > bytes || nameBytes > bytes - names) return false;
  if (weights > bytes || weights < names + nameBytes || (weights & 15) != 0 || load<u32>(at, 36) != bytes - weights)
    return false;
  if (!shape(load<u32>(at, 40), load<u32>(at, 44), load<u32>(at, 48))) return false;
  if (<u64>load<u32>(at, 52) + load<u32>(at, 56) > nameBytes) return false;
  for (let i = 0; i < 4; ++i) {
    const mean = load<f32>(at + (i << 2), 64);
    const std = load<f32>(at + (i << 2), 80);
    // A difference that is not zero is not finite: true for NaN and infinities alike.
    if (mean - mean != 0 || std - std != 0 || std == 0) return false;
  }
  return true;
}

function shape(h: u32, w: u32, c: u32): bool {
  return h > 0 && w > 0 && c > 0 && h <= MAX_SIDE && w <= MAX_SIDE && c <= MAX_SIDE && <u64>(h * w) * c <= MAX_ELEMENTS;
}

function validOp(op: Op, i: i32, bytes: u32): bool {
  if (!shape(op.inH, op.inW, op.inC) || !shape(op.outH, op.outW, op.outC)) return false;
  if (!shape(op.kernelH, op.kernelW, 1) || !shape(op.strideH, op.strideW, 1)) return false;
  if (
    <u32>op.padTop > MAX_SIDE ||
    <u32>op.padLeft > MAX_SIDE ||
    <u32>op.padBottom > MAX_SIDE ||
    <u32>op.padRight > MAX_SIDE
  )
    return false;
  if (op.activation == 0 ? op.limit != Infinity : op.activation != 1 || !(op.limit > 0)) return false;
  if (!sameShape(op.input0, i, op)) return false;
  if (op.op == ADD ? !sameShape(op.input1, i, op) : op.input1 != NO_VALUE) return false;
  if (op.flags > (op.op == AVGPOOL ? 1 : 0)) return false;
  if (!validWindow(op.inH, op.outH, op.kernelH, op.strideH, op.padTop, op.padBottom)) return false;
  if (!validWindow(op.inW, op.outW, op.kernelW, op.strideW, op.padLeft, op.padRight)) return false;
  const names = load<u32>(base, 28);
  if (<u64>op.name + op.nameBytes > names) return false;
  return validOperator(op) && validParameters(op, bytes);
}

/** True if value v exists before operator i and has the shape of the operator's input. */
function sameShape(v: i32, i: i32, op: Op): bool {
  if (v < 0 || v > i) return false;
  if (v == 0) return load<i32>(base, 40) == op.inH && load<i32>(base, 44) == op.inW && load<i32>(base, 48) == op.inC;
  const from = opAt(v - 1);
  return from.outH == op.inH && from.outW == op.inW && from.outC == op.inC;
}

/** Every window lies inside the padded input and touches the image. */
function validWindow(size: i32, out: i32, kernel: i32, stride: i32, before: i32, after: i32): bool {
  if (<i64>(out - 1) * stride + kernel > <i64>size + before + after) return false;
  return before < kernel && <i64>(out - 1) * stride < <i64>size + before;
}

function validOperator(op: Op): bool {
  const sameChannels = op.inC == op.outC;
  const unitWindow =
    op.kernelH == 1 &&
    op.kernelW == 1 &&
    op.strideH == 1 &&
    op.strideW == 1 &&
    op.padTop == 0 &&
    op.padLeft == 0 &&
    op.padBottom == 0 &&
    op.padRight == 0;
  switch (op.op) {
    case CONV2D:
      return true;
    case DEPTHWISE:
    case MAXPOOL:
    case AVGPOOL:
      return sameChannels;
    case LINEAR:
      return unitWindow && op.outH == 1 && op.outW == 1;
    case ADD:
      return unitWindow && sameChannels && op.outH == op.inH && op.outW == op.inW;
    case GLOBALAVGPOOL:
      return (
        sameChannels &&
        op.outH == 1 &&
        op.outW == 1 &&
        op.kernelH == op.inH &&
        op.kernelW == op.inW &&
        op.strideH == 1 &&
        op.strideW == 1 &&
        op.padTop == 0 &&
        op.padLeft == 0 &&
        op.padBottom == 0 &&
        op.padRight == 0
      );
    default:
      return false;
  }
}

function validParameters(op: Op, bytes: u32): bool {
  let count: u64 = 0;
  const window = <u64>op.kernelH * op.kernelW;
  if (window > MAX_ELEMENTS) return false;
  if (op.op == CONV2D && <u64>op.kernelW * op.inC > MAX_ROW) return false;
  if (op.op == CONV2D) count = window * op.inC * op.outC;
  else if (op.op == DEPTHWISE) count = window * op.outC;
  else if (op.op == LINEAR) count = <u64>(op.inH * op.inW * op.inC) * op.outC;
  if (count > MAX_ELEMENTS || <u64>op.weightCount != count || <u32>op.biasCount != (count ? <u32>op.outC : 0))
    return false;
  if (!count) return op.weights == 0 && op.bias == 0;
  return inside(op.weights, op.weightCount, bytes) && inside(op.bias, op.biasCount, bytes);
}

function inside(offset: u32, floats: i32, bytes: u32): bool {
  return (offset & 15) == 0 && offset >= load<u32>(base, 32) && <u64>offset + ((<u64>floats) << 2) <= bytes;
}
