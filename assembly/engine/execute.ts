/** Runs one step of a program: the kernels, given addresses. What needs the host or the episode is episode.ts's. */
import { relu_backward, relu_backward_mask, relu_mask } from '../kernels/activation';
import { accumulate, add_forward } from '../kernels/add';
import { bias_backward } from '../kernels/bias';
import { conv2d_backward_input, conv2d_backward_weight, conv2d_forward } from '../kernels/conv2d';
import { depthwise_backward_input, depthwise_backward_weight, depthwise_forward } from '../kernels/depthwise';
import { fisher_accumulate } from '../kernels/fisher';
import { add_int8, dequantise_all, Quantised } from '../kernels/int8';
import { int8_dense } from '../kernels/int8_conv';
import { int8_avgpool, int8_depthwise, int8_maxpool } from '../kernels/int8_window';
import { linear_backward_input, linear_backward_weight, linear_forward } from '../kernels/linear';
import { adam_update, momentum_update, sgd_update } from '../kernels/optimizer';
import { pointwise_backward_input, pointwise_backward_weight, pointwise_forward } from '../kernels/pointwise';
import { avgpool_backward_input, avgpool_forward, maxpool_backward_input, maxpool_forward } from '../kernels/pool';
import { Layer, layerAt, layerOf, WEIGHTS } from './arena';
import { statesOf } from './blocks';
import {
  ADD,
  AVGPOOL,
  biasOf,
  CONV2D,
  DEPTHWISE,
  GLOBALAVGPOOL,
  hasUnitWindow,
  isPointwise,
  LINEAR,
  MAXPOOL,
  Op,
  opAt,
  rowLength,
  scaleOf,
  valueFloats,
  weightsOf,
  zeroOf,
} from './model';
import { deltaPart, gradientPart } from './parts';
import { isSmall } from './plan';
import { S_ACTIVATION, S_COPY, S_DEQUANTISE, S_FISHER, S_FORWARD, S_INPUT, S_MASK, S_WEIGHTS, Step } from './program';
import { rowsOfSlice, STALE, sliceBiases, sliceScales, sliceWeights } from './slices';

/**
 * Runs a step that needs kernels alone. `scale` is Fisher information's 1/(2N); a step that reads weights runs for the
 * slice of output channels from `first` on (slices.ts).
 */
export function execute(s: Step, first: i32, scale: f32): void {
  const i = <i32>s.op;
  switch (s.code) {
    case S_FORWARD:
      if (isSmall(i)) forwardInt8(opAt(i), s, first);
      else forward(opAt(i), s, first);
      break;
    case S_DEQUANTISE:
      dequantise_all(s.c, s.a, valueFloats(i), scaleOf(i), zeroOf(i));
      break;
    case S_MASK:
      relu_mask(s.c, s.a, valueFloats(i + 1), opAt(i).limit);
      break;
    case S_FISHER: {
      const op = opAt(i);
      fisher_accumulate(deltaPart(layerOf(op).delta), s.a, s.b, op.outH * op.outW, op.outC, scale);
      break;
    }
    case S_ACTIVATION:
      if (s.flag) relu_backward_mask(s.b, s.a, valueFloats(i + 1));
      else relu_backward(s.b, s.a, valueFloats(i + 1), opAt(i).limit);
      break;
    case S_WEIGHTS:
      weightGradient(opAt(i), s);
      break;
    case S_INPUT:
      inputGradient(opAt(i), s, first);
      break;
    case S_COPY:
      if (s.flag) accumulate(s.c, s.b, valueFloats(i));
      else memory.copy(s.c, s.b, (<usize>valueFloats(i)) << 2);
      break;
  }
}

function forward(op: Op, s: Step, first: i32): void {
  const w = sliceWeights(op, s);
  const b = sliceBiases(op, s);
  switch (op.op) {
    case CONV2D:
      if (isPointwise(op)) pointwise_forward(s.c, s.a, w, b, s.d, op, first, rowsOfSlice(op, first));
      else conv2d_forward(s.c, s.a, w, b, s.d, op);
      break;
    case DEPTHWISE:
      depthwise_forward(s.c, s.a, w, b, op);
      break;
    case LINEAR:
      linear_forward(s.c, s.a, w, b, s.d, op, first, rowsOfSlice(op, first));
      break;
    case ADD:
      add_forward(s.c, s.a, s.b, op.outH * op.outW * op.outC, op);
      break;
    case MAXPOOL:
      maxpool_forward(s.c, s.a, op);
      break;
    case AVGPOOL:
    case GLOBALAVGPOOL:
      avgpool_forward(s.c, s.a, op, op.flags != 0);
      break;
  }
}

const quantised = changetype<Quantised>(memory.data(32, 16));

/** Below the border of the plan. */
function forwardInt8(op: Op, s: Step, first: i32): void {
  const w = sliceWeights(op, s);
  const b = sliceBiases(op, s);
  const scales = sliceScales(op, s);
  const q = quantised;
  q.xScale = scaleOf(op.input0);
  q.xZero = zeroOf(op.input0);
  q.scale = op.scale;
  q.zero = op.zero;
  q.limit(op.activation, op.limit);
  switch (op.op) {
    case CONV2D:
    case LINEAR:
      // biome-ignore format: one call
      int8_dense(
        s.c, s.a, w, b, scales, s.d, op, q, rowLength(op), first, rowsOfSlice(op, first), !hasUnitWindow(op),
      );
      break;
    case DEPTHWISE:
      int8_depthwise(s.c, s.a, w, b, scales, s.d, op, q);
      break;
    case ADD:
      q.x2Scale = scaleOf(op.input1);
      q.x2Zero = zeroOf(op.input1);
      add_int8(s.c, s.a, s.b, op.outH * op.outW * op.outC, q);
      break;
    case MAXPOOL:
      int8_maxpool(s.c, s.a, op, q);
      break;
    default:
      int8_avgpool(s.c, s.a, op, q, op.flags != 0);
      break;
  }
}

function inputGradient(op: Op, s: Step, first: i32): void {
  const sum = s.flag != 0;
  const w = sliceWeights(op, s);
  switch (op.op) {
    case CONV2D:
      if (isPointwise(op)) pointwise_backward_input(s.c, s.b, w, s.d, op, sum, first, rowsOfSlice(op, first));
      else conv2d_backward_input(s.c, s.b, w, s.d, op, sum);
      break;
    case DEPTHWISE:
      depthwise_backward_input(s.c, s.b, w, op, sum);
      break;
    case LINEAR:
      linear_backward_input(s.c, s.b, w, s.d, op, sum, first, rowsOfSlice(op, first));
      break;
    case MAXPOOL:
      maxpool_backward_input(s.c, s.b, s.a, op, sum);
      break;
    case AVGPOOL:
    case GLOBALAVGPOOL:
      avgpool_backward_input(s.c, s.b, op, op.flags != 0, sum);
      break;
  }
}

/** List of a layer's selected channels as kernels take it: 0 for all. */
function listOf(layer: Layer, op: Op): usize {
  return layer.count == op.outC ? 0 : layer.channels;
}

function weightGradient(op: Op, s: Step): void {
  const layer = layerOf(op);
  const list = listOf(layer, op);
  const n = layer.count;
  const sum = gradientPart(layer.gradient);
  bias_backward(sum, s.b, op.outH * op.outW, op.outC, list, n);
  if (!s.flag) return;
  const weights = sum + (n << 2);
  const floats = n * rowLength(op);
  const apart: usize = s.c;
  const dw = apart ? apart : <usize>weights;
  if (apart) memory.fill(apart, 0, (<usize>floats) << 2);
  switch (op.op) {
    case CONV2D:
      if (isPointwise(op)) pointwise_backward_weight(dw, s.b, s.a, s.d, op, list, n);
      else conv2d_backward_weight(dw, s.b, s.a, s.d, op, list, n);
      break;
    case DEPTHWISE:
      depthwise_backward_weight(dw, s.b, s.a, op, list, n);
      break;
    case LINEAR:
      linear_backward_weight(dw, s.b, s.a, s.d, op, list, n);
      break;
  }
  if (apart) accumulate(weights, apart, floats);
}

/**
 * One step of the optimiser (0 SGD, 1 momentum, 2 Adam) on what is trained of a layer, in place in the model or in the
 * block of its values; clears the gradient. `correction1`, `correction2`: Adam's 1 - beta^t.
 */
export function update(op: Op, optimizer: i32, lr: f32, correction1: f32, correction2: f32): void {
  const layer = layerOf(op);
  const n = layer.count;
  const row = rowLength(op);
  const block: usize = layer.values;
  const apart = block != 0;
  if (layer.floatsOf) layer.floatsOf = STALE;
  const list: usize = apart ? <usize>0 : listOf(layer, op);
  const spread = op.op == DEPTHWISE && !apart;
  const biases = apart ? block : biasOf(op);
  // biome-ignore format: one table of rows a line
  updateRows(layer, biases, list, 0, 1, 4, 4, optimizer, lr, correction1, correction2);
  if (layer.kind != WEIGHTS) return;
  const weights = apart ? block + (n << 2) : weightsOf(op);
  const rowStride = spread ? 4 : row << 2;
  const elementStride = spread ? op.outC << 2 : 4;
  // biome-ignore format: one table of rows a line
  updateRows(layer, weights, list, n, row, rowStride, elementStride, optimizer, lr, correction1, correction2);
}

/** `offset`: floats of the gradient and of each state before these rows. */
function updateRows(
  layer: Layer,
  w: usize,
  list: usize,
  offset: i32,
  row: i32,
  rowStride: i32,
  elementStride: i32,
  optimizer: i32,
  lr: f32,
  correction1: f32,
  correction2: f32,
): void {
  const g = layer.gradient + (offset << 2);
  const m = statesOf(layer) + (offset << 2);
  let n = layer.count;
  // Rows without gaps are one row.
  if (!list && elementStride == 4) {
    row *= n;
    n = 1;
  }
  if (optimizer == 0) sgd_update(w, g, list, n, row, rowStride, elementStride, lr);
  else if (optimizer == 1) momentum_update(w, g, m, list, n, row, rowStride, elementStride, lr);
  else {
    const v = m + (layer.floats << 2);
    adam_update(w, g, m, v, list, n, row, rowStride, elementStride, lr, correction1, correction2);
  }
}
