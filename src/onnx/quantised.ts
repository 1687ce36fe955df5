import type { Quantisation } from '../model/model.js';
import { shown } from './error.js';
import type { Activation, Node } from './node.js';
import type { Step } from './step.js';
import type { Constant } from './tensor.js';

/** Element types of ONNX that have 8 bits. */
const UINT8 = 2;
const INT8 = 3;

/** Scale and zero point of a QuantizeLinear or DequantizeLinear node over an activation, as int8. */
function quantisationOf(node: Node): Quantisation {
  const scale = node.weights(1, 'the scale') ?? node.refuse('has no scale');
  const zero = node.constant(2, 'the zero point');
  if (scale.data.length !== 1)
    node.refuse('of an activation with a scale a channel is not supported; supported is one');
  const type = zero?.type ?? (node.int('output_dtype', 0) || UINT8);
  if (type !== UINT8 && type !== INT8)
    node.refuse(`to element type ${type} is not supported; supported are int8 and uint8`);
  const value = { scale: Math.fround(scale.data[0]!), zero: (zero?.data[0] ?? 0) - (type === UINT8 ? 128 : 0) };
  if (!(value.scale > 0 && value.zero >= -128 && value.zero <= 127)) {
    node.refuse(`scale ${value.scale}, zero point ${value.zero} is not supported; a scale is above 0`);
  }
  return value;
}

/** QuantizeLinear of an activation: what it makes is the same value, in 8 bits. */
export function quantizeLinear(node: Node): Activation {
  const input = node.activation(0);
  const { step } = input;
  const value = quantisationOf(node);
  if (step.int8 && !same(step.int8, value)) {
    node.refuse(`quantises a value again, with another scale than before (${step.int8.scale} and ${value.scale})`);
  }
  step.int8 = value;
  return input;
}

/** DequantizeLinear of an activation: it takes back what QuantizeLinear did. */
export function dequantizeLinear(node: Node): Activation {
  const input = node.activation(0);
  const value = quantisationOf(node);
  if (!input.step.int8) node.refuse('reads an activation that no QuantizeLinear made');
  if (!same(input.step.int8!, value)) node.refuse('has another scale or zero point than the QuantizeLinear before it');
  return input;
}

const same = (a: Quantisation, b: Quantisation) => a.scale === b.scale && a.zero === b.zero;

/** DequantizeLinear of a constant: floats, which remember the integers that they are made of. */
export function dequantizeConstant(node: Node): Constant {
  const input = node.constant(0, 'input 0') ?? node.refuse('has no input 0');
  const scale = node.weights(1, 'the scale') ?? node.refuse('has no scale');
  const zero = node.constant(2, 'the zero point');
  if (!input.integer) node.refuse(`input 0 (${shown(input.name)}) is not of integers`);
  if (node.int('block_size', 0) !== 0)
    node.refuse('with blocks is not supported; supported is a scale for all or one a channel');
  const { dims, data } = input;
  const axis = node.int('axis', 1);
  const along = axis < 0 ? axis + dims.length : axis;
  const channels = scale.data.length === 1 ? 1 : (dims[along] ?? 0);
  if (scale.data.length !== channels || (zero && zero.data.length !== channels)) {
    node.refuse(`has ${scale.data.length} scales for [${dims}] along axis ${axis}`);
  }
  node.spend(2 * data.length);
  const run = channels === 1 ? data.length : dims.slice(along + 1).reduce((n, d) => n * d, 1);
  const integers = new Float64Array(data.length);
  const floats = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const channel = Math.floor(i / run) % channels;
    integers[i] = data[i]! - (zero?.data[channel] ?? 0);
    floats[i] = integers[i]! * scale.data[channel]!;
  }
  const small = integers.every((q) => q >= -128 && q <= 127) && (channels === 1 || along === 0);
  return {
    ...{ name: node.proto.outputs[0]!, dims, data: floats, integer: false },
    ...(small && { int8: { data: integers, scales: Float32Array.from(scale.data) } }),
  };
}

/** int8 weights and the scale of each output channel, where a layer's weights are such; `order` brings them into ours. */
export function integersOf(
  weight: Constant,
  channels: number,
  order: (data: Constant['data']) => Float32Array,
): Step['integers'] {
  if (!weight.int8) return undefined;
  const { data, scales } = weight.int8;
  return {
    weights: Int8Array.from(order(data)),
    scales: scales.length === 1 ? new Float32Array(channels).fill(scales[0]!) : scales,
  };
}

/** What makes an int8 operator of a step; nothing, and it is no int8 step, where its weights, an input or its output are not. */
export function int8Fields(step: Step) {
  const { int8, integers, weights, bias } = step;
  const inputs = step.inputs.map((input) => input.int8);
  if (!int8 || inputs.some((input) => !input) || (weights && !integers)) {
    step.int8 = undefined;
    return {};
  }
  // A maximum is one of its numbers.
  if (step.op === 'maxPooling') step.int8 = inputs[0]!;
  const value = step.int8!;
  const limit = limitOf(step, value);
  if (!weights || !integers) return { limit, int8: { ...value, scales: null } };
  const scales = integers.scales;
  const whole = (b: number) => Math.min(Math.max(Math.round(b), -(2 ** 31)), 2 ** 31 - 1);
  return {
    limit,
    weights: integers.weights,
    bias: Int32Array.from(bias!, (b, o) => whole(b / (scales[o]! * inputs[0]!.scale))),
    int8: { ...value, scales },
  };
}

/**
 * The activation: quantisers leave a ReLU out where 8 bits hold nothing below zero, as they clip by themselves. In floats,
 * above what stays int8 while the network is adapted, it must be there.
 */
function limitOf({ op, limit }: Step, { scale, zero }: Quantisation): number | null {
  const clips = zero === -128 && limit === null && !op.endsWith('Pooling');
  return clips ? Math.fround(255 * scale) : limit;
}
