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
import { LOMO, optimizer_update } from '../kernels/optimizer';
import { pointwise_backward_input, pointwise_backward_weight, pointwise_forward } from '../kernels/pointwise';
import { avgpool_backward_input, avgpool_forward, maxpool_backward_input, maxpool_forward } from '../kernels/pool';
import { Layer, layerAt, layerOf, WEIGHTS } from './arena';
import { isDrawn } from './blocks';
import { control } from './control';
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
  if (isDrawn()) memory.fill(sum, 0, (<usize>layer.floats) << 2);
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
 * One step of the optimiser on what is trained of a layer, in place in the model or in the block of its values; clears the
 * gradient. `first`, `second`: as optimizer_update takes them.
 */
export function update(op: Op, lr: f32, first: f32, second: f32): void {
  const layer = layerOf(op);
  if (layer.floatsOf) layer.floatsOf = STALE;
  updateRows(op, layer, false, lr, first, second);
  if (layer.kind == WEIGHTS) updateRows(op, layer, true, lr, first, second);
}

/** A step on the rows of weights, or on the biases, a row each. */
function updateRows(op: Op, layer: Layer, weights: bool, lr: f32, first: f32, second: f32): void {
  const optimizer = control().optimizer;
  const block: usize = layer.values;
  const offset = weights ? layer.count << 2 : 0;
  const w = block ? block + offset : weights ? weightsOf(op) : biasOf(op);
  const list: usize = block ? <usize>0 : listOf(layer, op);
  let n = layer.count;
  let row = weights ? rowLength(op) : 1;
  let rowStride = row << 2;
  let elementStride = 4;
  if (weights && op.op == DEPTHWISE && !block) {
    rowStride = 4;
    elementStride = op.outC << 2;
  } else if (!list && optimizer != LOMO) {
    // Rows without gaps are one row, where rows don't count.
    row *= n;
    n = 1;
  }
  const g = layer.gradient + offset;
  const m = layer.states + offset;
  const u = m + (layer.floats << 2);
  optimizer_update(w, g, m, u, list, n, row, rowStride, elementStride, optimizer, lr, first, second);
}
