import { arithmetic, clip, relu } from './elementwise.js';
import { batchNormalization, conv, gemm, matMul } from './layers.js';
import type { Activation, Node } from './node.js';
import { dequantizeLinear, quantizeLinear } from './quantised.js';
import { flatten, reshape, squeeze, unsqueeze } from './reshape.js';
import { isFloat } from './tensor.js';
import { globalAverage, globalMax, pad, pool, reduceMean } from './window.js';

/** Operators on activations that are supported. */
export const OPERATORS: Record<string, (node: Node) => Activation> = {
  Conv: conv,
  BatchNormalization: batchNormalization,
  Relu: relu,
  Clip: clip,
  Add: arithmetic,
  Sub: arithmetic,
  Mul: arithmetic,
  Div: arithmetic,
  Pad: pad,
  MaxPool: (node) => pool(node, 'maxPooling'),
  AveragePool: (node) => pool(node, 'averagePooling'),
  GlobalAveragePool: (node) => globalAverage(node, node.image(0)),
  GlobalMaxPool: globalMax,
  ReduceMean: reduceMean,
  Gemm: gemm,
  MatMul: matMul,
  Flatten: flatten,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Identity: (node) => node.activation(0),
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  Dropout: dropout,
  Cast: (node) => {
    if (!isFloat(node.int('to', 0)))
      node.refuse(`to element type ${node.int('to', 0)} is not supported; supported are floats`);
    return node.activation(0);
  },
};

/** Dropout does nothing outside training. */
function dropout(node: Node): Activation {
  const training = node.constant(2, 'training_mode');
  if (training?.data[0]) node.refuse('training_mode is true; export in inference mode');
  return node.activation(0);
}

const WINDOW = ['auto_pad', 'dilations', 'kernel_shape', 'pads', 'strides'];
const CONSTANT = ['value', 'value_float', 'value_floats', 'value_int', 'value_ints', 'value_string', 'value_strings'];

/**
 * The attributes of each operator, over all operator sets: another one means that the file is damaged, or newer than
 * this list, and its meaning is unknown.
 */
export const ATTRIBUTES: Record<string, string[]> = {
  Conv: [...WINDOW, 'group'],
  BatchNormalization: ['epsilon', 'momentum', 'spatial', 'training_mode', 'is_test'],
  Clip: ['min', 'max'],
  Pad: ['mode', 'pads', 'value'],
  MaxPool: [...WINDOW, 'ceil_mode', 'storage_order'],
  AveragePool: [...WINDOW, 'ceil_mode', 'count_include_pad'],
  ReduceMean: ['axes', 'keepdims', 'noop_with_empty_axes'],
  Gemm: ['alpha', 'beta', 'transA', 'transB'],
  Flatten: ['axis'],
  Reshape: ['allowzero', 'shape'],
  Squeeze: ['axes'],
  Unsqueeze: ['axes'],
  Dropout: ['ratio', 'seed', 'is_test'],
  Cast: ['to', 'saturate', 'round_mode'],
  Constant: [...CONSTANT, 'sparse_value'],
  ConstantOfShape: ['value'],
  Shape: ['start', 'end'],
  Transpose: ['perm'],
  Gather: ['axis'],
  Concat: ['axis'],
  QuantizeLinear: ['axis', 'saturate', 'block_size', 'output_dtype', 'precision'],
  DequantizeLinear: ['axis', 'block_size', 'output_dtype'],
  Slice: ['starts', 'ends', 'axes'],
};
