import { type Shape, shapeText, sizeOf } from '../model/model.js';
import { shown } from './error.js';
import { type Activation, channelsOf, imageOf, isActivation, type Node } from './node.js';
import { integersOf } from './quantised.js';
import type { Constant } from './tensor.js';
import { outputSize, windowOf } from './window.js';

/** Conv: groups 1, or depthwise with one output channel an input channel. */
export function conv(node: Node): Activation {
  const input = node.image(0);
  const weight = node.weights(1, 'the weight') ?? node.refuse('has no weight');
  const bias = node.weights(2, 'the bias');
  const [height, width, channels] = input.step.out;
  if (weight.dims.length !== 4) {
    node.refuse(`weight ${shown(weight.name)} is [${weight.dims}], only convolutions over two axes are supported`);
  }
  const [outC, perGroup, kernelH, kernelW] = weight.dims as [number, number, number, number];
  const group = node.int('group', 1);
  const depthwise = group !== 1 && group === channels && outC === channels;
  if (group !== 1 && !depthwise) {
    node.refuse(
      `group ${group} of ${channels} to ${outC} channels is not supported; supported are 1 and depthwise (as many groups as input and output channels)`,
    );
  }
  if (perGroup * group !== channels) {
    node.refuse(`weight ${shown(weight.name)} is for ${perGroup * group} input channels, the input has ${channels}`);
  }
  const [givenH, givenW] = node.ints('kernel_shape', [kernelH, kernelW], 2);
  if (givenH !== kernelH || givenW !== kernelW) {
    node.refuse(`kernel_shape ${givenH}x${givenW} does not agree with the weight, ${kernelH}x${kernelW}`);
  }
  const window = windowOf(node, [height, width], [kernelH, kernelW]);
  const [outH, outW] = outputSize(node, [height, width], window, false);
  const order = (data: Constant['data']) => reordered(data, [depthwise ? 1 : outC, channels, kernelH * kernelW]);
  return imageOf(
    node.step({
      op: depthwise ? 'depthwise' : 'convolution',
      inputs: [input.step],
      out: [outH, outW, outC],
      ...window,
      weights: order(weight.data),
      integers: integersOf(weight, outC, order),
      bias: biasOf(node, bias, outC),
    }),
  );
}

/**
 * [a][b][c] to [a][c][b]: OIHW becomes output, kernel, input; the [C][kernel] of a depthwise convolution, taken for
 * [1][C][kernel], becomes kernel, channel.
 */
function reordered(data: Constant['data'], [a, b, c]: [number, number, number]): Float32Array {
  const result = new Float32Array(a * b * c);
  let at = 0;
  for (let i = 0; i < a; i++) {
    for (let k = 0; k < c; k++) {
      for (let j = 0; j < b; j++) result[at++] = data[(i * b + j) * c + k]!;
    }
  }
  return result;
}

function biasOf(node: Node, bias: Constant | undefined, channels: number, factor = 1): Float32Array {
  if (!bias) return new Float32Array(channels);
  const { dims, data } = bias;
  if (dims.some((n, i) => n !== 1 && i !== dims.length - 1) || (data.length !== channels && data.length !== 1)) {
    node.refuse(`bias ${shown(bias.name)} is [${dims}], expected ${channels} values`);
  }
  return Float32Array.from({ length: channels }, (_, i) => data[data.length === 1 ? 0 : i]! * factor);
}

/** Gemm with a constant B: a linear operator. */
export function gemm(node: Node): Activation {
  const weight = node.weights(1, 'B') ?? node.refuse('has no B');
  if (node.flag('transA', false)) node.refuse('transA 1 is not supported; supported is 0');
  const alpha = node.float('alpha', 1);
  const beta = node.float('beta', 1);
  return linear(node, weight, node.flag('transB', false), alpha, node.weights(2, 'C'), beta);
}

/** MatMul of an activation and a constant: a linear operator without a bias. */
export function matMul(node: Node): Activation {
  const first = node.values[0];
  if (first && !isActivation(first))
    node.refuse('a constant as first factor is not supported; supported is the second');
  const weight = node.weights(1, 'the second factor') ?? node.refuse('has no second factor');
  return linear(node, weight, false, 1, undefined, 1);
}

function linear(
  node: Node,
  weight: Constant,
  transposed: boolean,
  alpha: number,
  bias: Constant | undefined,
  beta: number,
): Activation {
  const input = node.activation(0);
  const inputs = sizeOf(input.step.out);
  const { dims } = input;
  if (dims.length !== 2 || dims[0] !== 1 || dims[1] !== inputs) {
    node.refuse(`input is [${dims}], expected [batch, values]: flatten it before`);
  }
  if (weight.dims.length !== 2)
    node.refuse(`weight ${shown(weight.name)} is [${weight.dims}], expected two dimensions`);
  const [rows, columns] = weight.dims as [number, number];
  const taken = transposed ? columns : rows;
  const outC = transposed ? rows : columns;
  if (taken !== inputs) {
    node.refuse(
      `weight ${shown(weight.name)} takes ${taken} values, the input has ${inputs} (${shapeText(input.step.out)})`,
    );
  }
  const order = (data: Constant['data'], factor = 1) =>
    permuted(input.step.out, outC, (o, i) => factor * data[transposed ? o * inputs + i : i * outC + o]!);
  // Scales lie along the rows: those of a weight that is not transposed, and are many, are of inputs.
  const whole = alpha === 1 && (transposed || weight.int8?.scales.length === 1);
  const made = node.step({
    op: 'linear',
    inputs: [input.step],
    out: [1, 1, outC],
    weights: order(weight.data, alpha),
    integers: whole ? integersOf(weight, outC, order) : undefined,
    bias: biasOf(node, bias, outC, beta),
  });
  return { step: made, dims: [1, outC] };
}

/** Weights of a linear operator: a flattened ONNX value is in the order C, H, W, ours in H, W, C. */
function permuted([h, w, c]: Shape, outC: number, at: (o: number, i: number) => number): Float32Array {
  const result = new Float32Array(outC * h * w * c);
  let to = 0;
  for (let o = 0; o < outC; o++) {
    for (let position = 0; position < h * w; position++) {
      for (let channel = 0; channel < c; channel++) result[to++] = at(o, channel * h * w + position);
    }
  }
  return result;
}

/** BatchNormalization with stored statistics: a scale and shift of each channel. */
export function batchNormalization(node: Node): Activation {
  const input = node.activation(0);
  if (node.flag('training_mode', false)) node.refuse('training_mode 1 is not supported; export in inference mode');
  if (!node.flag('spatial', true)) node.refuse('spatial 0 is not supported; supported is 1');
  const channels = channelsOf(node, input);
  const [gamma, beta, mean, variance] = ['scale', 'B', 'mean', 'var'].map((what, i) => {
    const constant = node.weights(i + 1, what) ?? node.refuse(`has no ${what}`);
    if (constant.data.length !== channels) {
      node.refuse(
        `${what} (${shown(constant.name)}) has ${constant.data.length} values, the input ${channels} channels`,
      );
    }
    return constant.data;
  }) as [Constant['data'], Constant['data'], Constant['data'], Constant['data']];
  const epsilon = node.float('epsilon', 1e-5);
  const scale = Float64Array.from(gamma, (g, c) => {
    const deviation = Math.sqrt(variance[c]! + epsilon);
    if (!(deviation > 0)) node.refuse(`variance of channel ${c} plus epsilon is not above 0`);
    return g / deviation;
  });
  const shift = Float64Array.from(scale, (s, c) => beta[c]! - mean[c]! * s);
  const made = node.step({ op: 'scale', inputs: [input.step], out: input.step.out, scale, shift });
  return { step: made, dims: input.dims };
}
