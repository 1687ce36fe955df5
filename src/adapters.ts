/**
 * Lite residual adapters, after Cai et al., "TinyTL", NeurIPS 2020: beside each inverted residual block a branch of a
 * depthwise 5x5 layer with ReLU and a pointwise layer, from the block's input to its output. The pointwise layer starts at
 * zero, so that the network computes what it did before. TinyTL's branches work at half of the resolution and enlarge what
 * comes out; there is no such operator here: these have the stride of their block, and its output's resolution.
 */
import type { Model, Operator, Shape } from './model/model.js';
import { Random } from './random.js';
import { ADAPTER_MARK, isAdapter } from './selection.js';

const KERNEL = 5;

/** Places of an inverted residual block among the operators, and the value that it begins with. */
interface Block {
  first: number;
  last: number;
  input: number;
}

/** The model with an adapter beside each block; throws where it has none, or adapters already. */
export function addAdapters(model: Model): Model {
  if (model.operators.some((operator) => isAdapter(operator))) throw new Error('has adapters already');
  if (model.operators.some((operator) => operator.int8)) {
    throw new Error('is int8: give the float network that it was made of, and quantize the outcome if need be');
  }
  const blocks = findBlocks(model.operators);
  if (blocks.length === 0) {
    throw new Error(
      'has no inverted residual block (depthwise, then pointwise without activation) to put adapters beside',
    );
  }
  const operators: Operator[] = [];
  const random = new Random(0);
  // Where each value of the model is now: behind a block, with its adapter added.
  const values = [0];
  const branches = new Map<Block, number>();
  for (const [i, operator] of model.operators.entries()) {
    for (const block of blocks) {
      if (block.first !== i) continue;
      const { name, out } = model.operators[block.last]!;
      const from = values[block.input]!;
      const shape = block.input === 0 ? model.input : model.operators[block.input - 1]!.out;
      operators.push(depthwise(`${name}${ADAPTER_MARK}dw`, from, shape, out, random));
      operators.push(pointwise(`${name}${ADAPTER_MARK}pw`, operators.length, [out[0], out[1], shape[2]], out));
      branches.set(block, operators.length);
    }
    const { input, second } = operator;
    operators.push({ ...operator, input: values[input]!, second: second === null ? null : values[second]! });
    const block = blocks.find(({ last }) => last === i);
    if (block) {
      // What clipped the block's output clips the sum.
      const end = operators.at(-1)!;
      operators.push(addition(`${operator.name}${ADAPTER_MARK}add`, end, operators.length, branches.get(block)!));
      end.limit = null;
    }
    values.push(operators.length);
  }
  return { ...model, operators };
}

/** Inverted residual blocks: pointwise with activation (not in every block), depthwise, pointwise without, perhaps added to the input. */
function findBlocks(operators: readonly Operator[]): Block[] {
  const readers = (value: number) => operators.flatMap((o, i) => (o.input === value || o.second === value ? [i] : []));
  const only = (value: number) => {
    const [reader, another] = readers(value);
    return reader === undefined || another !== undefined ? undefined : reader;
  };
  return operators.flatMap(({ op, input }, i): Block[] => {
    if (op !== 'depthwise') return [];
    const project = only(i + 1);
    if (project === undefined || !isPointwise(operators[project]!) || operators[project]!.limit !== null) return [];
    const before = operators[input - 1];
    const expands = before && isPointwise(before) && before.limit !== null && only(input) === i;
    const block = { first: expands ? input - 1 : i, input: expands ? before.input : input };
    const sum = only(project + 1);
    const inputs = sum === undefined ? [] : [operators[sum]!.input, operators[sum]!.second];
    const residual = inputs.includes(block.input) && inputs.includes(project + 1);
    return [{ ...block, last: residual ? sum! : project }];
  });
}

function isPointwise({ op, kernel, stride, padding }: Operator): boolean {
  return op === 'convolution' && [...kernel, ...stride].every((n) => n === 1) && padding.every((n) => n === 0);
}

const PLAIN = { second: null, wholeWindow: false, limit: null } as const;
const UNIT = { kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0] } as Pick<
  Operator,
  'kernel' | 'stride' | 'padding'
>;

/** Weights uniform, of the variance that keeps that of the values. */
function depthwise(name: string, input: number, from: Shape, to: Shape, random: Random): Operator {
  const channels = from[2];
  const along = (axis: 0 | 1) => {
    const stride = Math.ceil(from[axis] / to[axis]);
    const before = KERNEL >> 1;
    return { stride, before, after: Math.max(0, (to[axis] - 1) * stride + KERNEL - from[axis] - before) };
  };
  const [y, x] = [along(0), along(1)];
  const most = Math.sqrt(6 / (KERNEL * KERNEL));
  return {
    ...PLAIN,
    ...{ op: 'depthwise', name, input, in: from, out: [to[0], to[1], channels] },
    kernel: [KERNEL, KERNEL],
    stride: [y.stride, x.stride],
    padding: [y.before, x.before, y.after, x.after],
    limit: Number.POSITIVE_INFINITY,
    weights: Float32Array.from({ length: KERNEL * KERNEL * channels }, () => most * (2 * random.uniform() - 1)),
    bias: new Float32Array(channels),
  };
}

function pointwise(name: string, input: number, from: Shape, to: Shape): Operator {
  const shapes = { in: from, out: to, weights: new Float32Array(from[2] * to[2]), bias: new Float32Array(to[2]) };
  return { ...PLAIN, ...UNIT, op: 'convolution', name, input, ...shapes };
}

function addition(name: string, end: Operator, input: number, second: number): Operator {
  const shapes = { in: end.out, out: end.out, weights: null, bias: null };
  return { ...PLAIN, ...UNIT, op: 'addition', name, input, second, ...shapes, limit: end.limit };
}
