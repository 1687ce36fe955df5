/** Whether the header and the operators of a model are what docs/formats.md says. */
import {
  ADD,
  AVGPOOL,
  CONV2D,
  DEPTHWISE,
  GLOBALAVGPOOL,
  HEADER_BYTES,
  hasUnitWindow,
  LINEAR,
  MAXPOOL,
  modelBase,
  NO_VALUE,
  OP_BYTES,
  Op,
  opAt,
  rowLength,
  scaleOf,
  zeroOf,
} from './model';

/** Channels have 16 bits in a patch. */
const MAX_SIDE: u32 = 65535;
/** Keeps offsets into an image or into weights inside 31 bits. */
const MAX_ELEMENTS: u64 = 1 << 28;
/** Most values of one kernel row of a convolution: a strip of windows is scratch. */
const MAX_ROW: u64 = 1 << 24;
const MAX_OPS: u32 = 4096;
/** Most int8 weights of an output channel: a sum of products of 14 bits and a sign. */
const MAX_INT8_ROW: i32 = 1 << 16;

/** Checks the header of a file of `bytes` bytes. */
export function validHeader(at: usize, bytes: u32): bool {
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

/** Checks operator i of the file: that its numbers keep every kernel inside the file and its buffers. */
export function validOp(op: Op, i: i32, bytes: u32): bool {
  const base = modelBase();
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
  if (op.type > load<u32>(base, 4) - 1) return false;
  if (op.type) {
    if (!validScale(op.scale, op.zero)) return false;
    if (op.op == MAXPOOL && (scaleOf(op.input0) != op.scale || zeroOf(op.input0) != op.zero)) return false;
  }
  if (!validWindow(op.inH, op.outH, op.kernelH, op.strideH, op.padTop, op.padBottom)) return false;
  if (!validWindow(op.inW, op.outW, op.kernelW, op.strideW, op.padLeft, op.padRight)) return false;
  const names = load<u32>(base, 28);
  if (<u64>op.name + op.nameBytes > names) return false;
  return validOperator(op) && validParameters(op, bytes);
}

function validScale(scale: f32, zero: i32): bool {
  return scale > 0 && scale < Infinity && <u32>(zero + 128) < 256;
}

/** True if value v exists before operator i and has the shape of the operator's input. */
function sameShape(v: i32, i: i32, op: Op): bool {
  if (v < 0 || v > i) return false;
  // What an int8 operator reads is quantised.
  if (op.type && !validScale(scaleOf(v), zeroOf(v))) return false;
  const base = modelBase();
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
  const unitWindow = hasUnitWindow(op);
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
  if (op.type) {
    if (rowLength(op) > MAX_INT8_ROW) return false;
    if (!inside(op.scales, op.biasCount, 2, bytes)) return false;
  }
  return inside(op.weights, op.weightCount, op.type ? 0 : 2, bytes) && inside(op.bias, op.biasCount, 2, bytes);
}

/** True if so many numbers of 1 << shift bytes at an offset are inside the weights. */
function inside(offset: u32, count: i32, shift: u64, bytes: u32): bool {
  return (offset & 15) == 0 && offset >= load<u32>(modelBase(), 32) && <u64>offset + ((<u64>count) << shift) <= bytes;
}
