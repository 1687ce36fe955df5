import { shapeText } from '../model/model.js';
import { shown } from './error.js';
import { type Activation, channelsOf, isActivation, type Node } from './node.js';
import type { Constant } from './tensor.js';

/** Add, Sub, Mul and Div: the addition of two activations, or a scale or shift by a constant a channel. */
export function arithmetic(node: Node): Activation {
  const [a, b] = node.values;
  const op = node.proto.op;
  if (!a || !b) return node.refuse('has less than two inputs');
  if (isActivation(a) && isActivation(b)) {
    if (op !== 'Add') node.refuse('of two activations is not supported; supported is Add');
    return addition(node, a, b);
  }
  const constantFirst = !isActivation(a);
  const input = node.activation(constantFirst ? 1 : 0);
  const constant = node.weights(constantFirst ? 0 : 1, 'the constant')!;
  if (op === 'Div' && constantFirst) node.refuse('a constant divided by an activation is not supported');
  const sign = op === 'Sub' && constantFirst ? -1 : 1;
  return scaled(node, input, constant, (c) => {
    if (op === 'Mul') return [c, 0];
    if (op === 'Div') return [1 / c, 0];
    return [sign, op === 'Sub' ? -sign * c : c];
  });
}

function addition(node: Node, a: Activation, b: Activation): Activation {
  if (a.dims.join() !== b.dims.join() || a.step.out.join() !== b.step.out.join()) {
    node.refuse(
      `adds [${a.dims}] (${shapeText(a.step.out)}) and [${b.dims}] (${shapeText(b.step.out)}); the sizes must be equal`,
    );
  }
  if (a.step === b.step)
    return scaled(node, a, { name: node.name, dims: [], data: [2], integer: false }, (c) => [c, 0]);
  const made = node.step({ op: 'addition', inputs: [a.step, b.step], out: a.step.out });
  return { step: made, dims: a.dims };
}

/** The scale and shift that each value of a constant means, over the channels of an activation. */
function scaled(
  node: Node,
  input: Activation,
  constant: Constant,
  meaning: (value: number) => [scale: number, shift: number],
): Activation {
  const channels = input.step.out[2];
  if (constant.data.length !== 1 || constant.dims.length > input.dims.length) {
    const padded = [...new Array(Math.max(input.dims.length - constant.dims.length, 0)).fill(1), ...constant.dims];
    if (
      padded.some((n, axis) => n !== (axis === 1 ? channelsOf(node, input) : 1)) ||
      padded.length > input.dims.length
    ) {
      node.refuse(
        `constant ${shown(constant.name)} is [${constant.dims}], expected one value or one a channel of [${input.dims}]`,
      );
    }
  }
  const scale = new Float64Array(channels);
  const shift = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    [scale[c], shift[c]] = meaning(constant.data[constant.data.length === 1 ? 0 : c]!) as [number, number];
  }
  const made = node.step({ op: 'scale', inputs: [input.step], out: input.step.out, scale, shift });
  return { step: made, dims: input.dims };
}

/** Relu. */
export function relu(node: Node): Activation {
  return clipped(node, Number.POSITIVE_INFINITY);
}

/** Clip with minimum 0; its bounds are inputs, or attributes before operator set 11. */
export function clip(node: Node): Activation {
  const bound = (name: string, position: number): number | undefined => {
    if (node.has(name)) return node.float(name, 0);
    const constant = node.constant(position, name);
    if (constant && constant.data.length !== 1) node.refuse(`${name} has ${constant.data.length} values, expected one`);
    return constant?.data[0];
  };
  const min = bound('min', 1);
  const max = bound('max', 2) ?? Number.POSITIVE_INFINITY;
  if (min !== 0) node.refuse(`minimum ${min ?? 'minus infinity'} is not supported; supported is 0`);
  if (!(max > 0)) node.refuse(`maximum ${max} is not supported; supported are maxima above 0`);
  return clipped(node, max >= 3.4e38 ? Number.POSITIVE_INFINITY : max);
}

function clipped(node: Node, limit: number): Activation {
  const input = node.activation(0);
  return { step: node.step({ op: 'clip', inputs: [input.step], out: input.step.out, limit }), dims: input.dims };
}
