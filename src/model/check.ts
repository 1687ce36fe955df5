import {
  MAX_OPERATORS,
  type Model,
  OPERATOR_KINDS,
  type Operator,
  type Quantisation,
  quantisationOf,
  type Shape,
  shapeText,
  sizeOf,
} from './model.js';

/** Largest height, width, number of channels, kernel or stride: channel numbers of a patch have 16 bits. */
export const MAX_DIMENSION = 65535;
/** Most values of one image or activation, and weights of one operator: 1 GiB of floats. */
export const MAX_VALUES = 2 ** 28;
/** Most int8 weights of one output channel: sums of their products fit in 31 bits. */
export const MAX_INT8_ROW = 2 ** 16;

const isDimension = (n: number) => Number.isInteger(n) && n >= 1 && n <= MAX_DIMENSION;

/** What is wrong with a shape, or undefined. */
export function shapeProblem(shape: Shape): string | undefined {
  if (!shape.every(isDimension))
    return `size ${shapeText(shape)} is out of range, a dimension is 1 to ${MAX_DIMENSION}`;
  if (sizeOf(shape) > MAX_VALUES) return `size ${shapeText(shape)} is more than ${MAX_VALUES} values`;
  return undefined;
}

/** What is wrong with the windows of an operator (kernel, stride, padding against sizes), or undefined. */
export function windowProblem(operator: Pick<Operator, 'in' | 'out' | 'kernel' | 'stride' | 'padding'>) {
  for (const axis of [0, 1] as const) {
    const which = axis === 0 ? 'vertically' : 'horizontally';
    const kernel = operator.kernel[axis];
    const stride = operator.stride[axis];
    const before = operator.padding[axis];
    const after = operator.padding[axis + 2]!;
    if (!isDimension(kernel) || !isDimension(stride)) {
      return `kernel ${kernel}, stride ${stride} ${which} is out of range, each is 1 to ${MAX_DIMENSION}`;
    }
    if (![before, after].every((n) => Number.isInteger(n) && n >= 0 && n <= MAX_DIMENSION)) {
      return `padding ${before}, ${after} ${which} is out of range, it is 0 to ${MAX_DIMENSION}`;
    }
    const last = (operator.out[axis] - 1) * stride;
    const sizes = `kernel ${kernel}, stride ${stride}, padding ${before}+${after} on ${operator.in[axis]} pixels ${which}`;
    if (last + kernel > operator.in[axis] + before + after) {
      return `${sizes} does not give ${operator.out[axis]} windows`;
    }
    if (before >= kernel || last - before >= operator.in[axis]) return `${sizes} has a window wholly in the padding`;
  }
  return undefined;
}

/** Number of weights that an operator must have. */
export function weightCount(operator: Pick<Operator, 'op' | 'in' | 'out' | 'kernel'>): number {
  const window = operator.kernel[0] * operator.kernel[1];
  if (operator.op === 'convolution') return operator.out[2] * window * operator.in[2];
  if (operator.op === 'depthwise') return window * operator.in[2];
  if (operator.op === 'linear') return operator.out[2] * sizeOf(operator.in);
  return 0;
}

/** What is wrong with an operator by itself, or undefined. */
export function operatorProblem(operator: Operator): string | undefined {
  const { op, kernel, stride, padding, limit } = operator;
  if (!OPERATOR_KINDS.includes(op)) return `operator ${op} is unknown`;
  const sizes = shapeProblem(operator.in) ?? shapeProblem(operator.out) ?? windowlessProblem(operator);
  if (sizes) return sizes;
  if (op !== 'addition' && op !== 'linear') {
    const problem = windowProblem(operator);
    if (problem) return problem;
  }
  if (limit !== null && !(limit > 0 && Math.fround(limit) > 0))
    return `limit ${limit} of the activation is not above 0`;
  const plain = [...kernel, ...stride].every((n) => n === 1) && padding.every((n) => n === 0);
  if ((op === 'addition' || op === 'linear') && !plain) return 'an addition or linear operator has no window';
  if (operator.wholeWindow && op !== 'averagePooling') return 'only average pooling divides by the whole window';
  const weights = weightCount(operator);
  if (Math.max(weights, kernel[0] * kernel[1]) > MAX_VALUES) return `has a kernel of more than ${MAX_VALUES} values`;
  if ((operator.weights?.length ?? 0) !== weights) {
    return `has ${operator.weights?.length ?? 0} weights, its sizes take ${weights}`;
  }
  const biases = weights > 0 ? operator.out[2] : 0;
  if ((operator.bias?.length ?? 0) !== biases) return `has ${operator.bias?.length ?? 0} biases, expected ${biases}`;
  if (operator.int8) return int8Problem(operator);
  if (operator.weights instanceof Int8Array || operator.bias instanceof Int32Array) return 'has integers for floats';
  if (!isFinite32(operator.weights) || !isFinite32(operator.bias)) return 'has a weight or bias that is not finite';
  return undefined;
}

/** What is wrong with the types and scales of an int8 operator, or undefined. */
function int8Problem({ int8, weights, bias, out }: Operator): string | undefined {
  const { scales } = int8!;
  const problem = quantisationProblem(int8!);
  if (problem) return problem;
  if ((scales?.length ?? 0) !== (weights ? out[2] : 0)) {
    return `has ${scales?.length ?? 0} scales of weights, expected ${weights ? out[2] : 0}`;
  }
  if (!weights || !scales) return undefined;
  if (!(weights instanceof Int8Array) || !(bias instanceof Int32Array)) return 'has floats for integers';
  if (!scales.every((scale) => scale > 0 && Number.isFinite(scale)))
    return 'has a scale of weights that is not above 0';
  if (weights.length / out[2] > MAX_INT8_ROW) return `has more than ${MAX_INT8_ROW} int8 weights a channel`;
  return undefined;
}

function quantisationProblem({ scale, zero }: Quantisation): string | undefined {
  if (!(Math.fround(scale) > 0 && Number.isFinite(Math.fround(scale)))) return `scale ${scale} is not above 0`;
  if (!(Number.isInteger(zero) && zero >= -128 && zero <= 127)) return `zero point ${zero} is not from -128 to 127`;
  return undefined;
}

/** Relations between input and output size that do not depend on windows. */
function windowlessProblem({ op, in: from, out: to, kernel }: Operator): string | undefined {
  const flow = `${shapeText(from)} to ${shapeText(to)}`;
  if (op === 'addition' && from.some((n, i) => n !== to[i])) return `an addition cannot change the size: ${flow}`;
  if (op === 'linear' && (to[0] !== 1 || to[1] !== 1)) return `the output of a linear operator is 1x1: ${flow}`;
  if (op !== 'convolution' && op !== 'linear' && from[2] !== to[2]) return `${op} keeps the channels: ${flow}`;
  if (op === 'globalAveragePooling') {
    if (to[0] !== 1 || to[1] !== 1) return `the output of global average pooling is 1x1: ${flow}`;
    if (kernel[0] !== from[0] || kernel[1] !== from[1]) return 'the kernel of global average pooling is its input size';
  }
  return undefined;
}

function isFinite32(values: Operator['weights'] | Operator['bias']): boolean {
  return values === null || (values as Float32Array).every(Number.isFinite);
}

/** What is wrong with a model, naming the operator, or undefined. */
export function modelProblem(model: Model): string | undefined {
  const input = shapeProblem(model.input);
  if (input) return `input: ${input}`;
  const channels = model.input[2] > 4 ? 0 : model.input[2];
  if (model.mean.length !== channels || model.std.length !== channels) {
    return `has ${model.mean.length} means and ${model.std.length} standard deviations, expected ${channels} of each`;
  }
  if (!model.mean.every((m) => Number.isFinite(Math.fround(m)))) return `mean ${model.mean.join(', ')} is not finite`;
  if (!model.std.every((s) => Number.isFinite(Math.fround(s)) && Math.fround(s) > 0)) {
    return `standard deviation ${model.std.join(', ')} is not above 0`;
  }
  const image = model.image && quantisationProblem(model.image);
  if (image) return `image: ${image}`;
  const { operators } = model;
  if (operators.length < 1 || operators.length > MAX_OPERATORS) {
    return `has ${operators.length} operators, expected 1 to ${MAX_OPERATORS}`;
  }
  const names = new Set<string>();
  for (const [i, operator] of operators.entries()) {
    if (operator.name === '') return `operator ${i} has no name`;
    if (names.has(operator.name)) return `two operators are named ${operator.name}`;
    names.add(operator.name);
    const problem = operatorProblem(operator) ?? inputProblem(model, i);
    if (problem) return `${operator.name}: ${problem}`;
  }
  return undefined;
}

/** The inputs of operator i must be made before it, with the sizes it expects. */
function inputProblem(model: Model, i: number): string | undefined {
  const operator = model.operators[i]!;
  if ((operator.second !== null) !== (operator.op === 'addition')) return 'an addition, and only that, has two inputs';
  for (const value of operator.second === null ? [operator.input] : [operator.input, operator.second]) {
    if (!Number.isInteger(value) || value < 0 || value > i) return `reads value ${value}, which is not made before it`;
    const shape = value === 0 ? model.input : model.operators[value - 1]!.out;
    if (shape.some((n, axis) => n !== operator.in[axis])) {
      return `expects an input of ${shapeText(operator.in)}, value ${value} is ${shapeText(shape)}`;
    }
    if (!operator.int8) continue;
    const from = quantisationOf(model, value);
    if (!from) return `is int8, its input, value ${value}, is not`;
    const same = from.scale === operator.int8.scale && from.zero === operator.int8.zero;
    if (operator.op === 'maxPooling' && !same) return 'max pooling keeps the scale and zero point of its input';
  }
  return undefined;
}
