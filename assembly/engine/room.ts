/** Buffers that the step of an operator needs beside its values: scratch, a sample's part of a gradient, slices of weights. */
import { conv2d_adds_once, conv2d_scratch } from '../kernels/conv2d';
import { depthwise_adds_once } from '../kernels/depthwise';
import { int8_dense_scratch } from '../kernels/int8_conv';
import { int8_depthwise_scratch } from '../kernels/int8_depthwise';
import { linear_scratch } from '../kernels/linear';
import { pointwise_adds_once, pointwise_scratch } from '../kernels/pointwise';
import { layerOf } from './arena';
import { CONV2D, DEPTHWISE, hasUnitWindow, isOutside, isPointwise, isWithHost, LINEAR, Op, rowLength } from './model';
import { isSmall } from './plan';
import { NONE, newBuffer } from './program';
import { sliceBytes } from './slices';

/** Scratch of an operator's kernels in bytes. */
function scratchBytes(op: Op): u32 {
  if (op.layer < 0) return 0;
  if (isSmall(layerOf(op).op)) {
    if (op.op == DEPTHWISE) return int8_depthwise_scratch(op);
    return int8_dense_scratch(op, rowLength(op), !hasUnitWindow(op));
  }
  if (isPointwise(op)) return pointwise_scratch(op);
  if (op.op == CONV2D) return conv2d_scratch(op);
  if (op.op == LINEAR) return linear_scratch(op);
  return 0;
}

/**
 * Room for one sample's weight gradient, where the kernel adds to an element more than once: what a sample adds to a sum
 * is one number, whoever has computed it (share.ts).
 */
export function newPart(op: Op): i32 {
  const once = isPointwise(op)
    ? pointwise_adds_once(op)
    : op.op == CONV2D
      ? conv2d_adds_once(op)
      : op.op != DEPTHWISE || depthwise_adds_once(op);
  return once ? NONE : newBuffer((<u32>(layerOf(op).count * rowLength(op))) << 2, true);
}

/** Scratch of an operator's kernels, where they need any. */
export function newScratch(op: Op, training: bool): i32 {
  const bytes = scratchBytes(op);
  return bytes > 0 ? newBuffer(bytes, training) : NONE;
}

/** Room for a slice of an operator's weights, and of its biases going forward, where the kernel can't read them in place. */
export function newSlice(op: Op, forward: bool): i32 {
  if (op.layer < 0 || (!isWithHost() && isSmall(layerOf(op).op))) return NONE;
  if (layerOf(op).floatsOf) return layerOf(op).floatsOf - 1;
  return isOutside() ? newBuffer(sliceBytes(op, forward), false) : NONE;
}
