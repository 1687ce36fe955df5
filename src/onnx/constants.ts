import { shown } from './error.js';
import { isActivation, type Node } from './node.js';
import { dequantizeConstant } from './quantised.js';
import { reshaped, squeezed, unsqueezed } from './reshape.js';
import { type Constant, count, isFloat, isInteger } from './tensor.js';

/** Most dimensions of a constant. */
const MAX_RANK = 8;
/** Most entries of a list: those that exporters compute are shapes and pads. */
const MAX_LIST = 65536;

/** Operators on constants that an import computes: what exporters make of shapes, pads and weights. */
export const CONSTANT_OPERATORS: Record<string, (node: Node) => Constant> = {
  Constant: constantNode,
  Identity: (node) => input(node, 0),
  Shape: shape,
  Cast: cast,
  Reshape: (node) => resized(node, reshaped(node, input(node, 0).dims, list(node, 'shape', 1))),
  Squeeze: (node) => resized(node, squeezed(node, input(node, 0).dims)),
  Unsqueeze: (node) => resized(node, unsqueezed(node, input(node, 0).dims)),
  Transpose: transpose,
  Gather: gather,
  Slice: slice,
  Concat: concat,
  ConstantOfShape: constantOfShape,
  DequantizeLinear: dequantizeConstant,
  Add: (node) => arithmetic(node, (a, b) => a + b),
  Sub: (node) => arithmetic(node, (a, b) => a - b),
  Mul: (node) => arithmetic(node, (a, b) => a * b),
  Div: (node) => arithmetic(node, (a, b, integer) => (integer ? Math.trunc(a / b) : a / b)),
};

function input(node: Node, position: number): Constant {
  return node.constant(position, `input ${position}`) ?? node.refuse(`has no input ${position}`);
}

function list(node: Node, name: string, position: number): number[] {
  return node.listOf(name, position) ?? node.refuse(`has no ${name}`);
}

function made(node: Node, dims: number[], data: Constant['data'], integer: boolean): Constant {
  if (dims.length > MAX_RANK) node.refuse(`${dims.length} dimensions are not supported`);
  return { name: node.proto.outputs[0]!, dims, data, integer };
}

/** Refuses a list that is about to become too long: concatenated with itself, it would soon fill the memory. */
function limitList(node: Node, length: number): void {
  if (length > MAX_LIST) node.refuse(`makes a list of ${length} constants; supported are ${MAX_LIST}`);
}

/** The same values with other dimensions. */
function resized(node: Node, dims: number[]): Constant {
  const { data, integer } = input(node, 0);
  return made(node, dims, data, integer);
}

function constantNode(node: Node): Constant {
  const tensor = node.tensor('value');
  if (tensor) return { ...tensor, name: node.proto.outputs[0]! };
  if (node.has('value_float')) return made(node, [], [node.float('value_float', 0)], false);
  if (node.has('value_int')) return made(node, [], [node.int('value_int', 0)], true);
  if (node.has('value_floats'))
    return made(node, [node.floats('value_floats').length], node.floats('value_floats'), false);
  if (node.has('value_ints'))
    return made(node, [node.ints('value_ints', []).length], node.ints('value_ints', []), true);
  return node.refuse('holds no tensor, float or integer; other constants are not supported');
}

/** The dimensions of a value, batch 1. */
function shape(node: Node): Constant {
  const value = node.values[0] ?? node.refuse('has no input');
  const start = node.int('start', 0);
  const end = node.has('end') ? node.int('end', 0) : value.dims.length;
  const dims = value.dims.slice(start, end);
  return made(node, [dims.length], [...dims], true);
}

function cast(node: Node): Constant {
  const { dims, data, integer } = input(node, 0);
  const to = node.int('to', 0);
  if (!isFloat(to) && !isInteger(to)) node.refuse(`to element type ${to} is not supported`);
  if (integer === isInteger(to)) return made(node, dims, data, integer);
  node.spend(2 * data.length);
  return made(node, dims, isInteger(to) ? Float64Array.from(data, Math.trunc) : Float64Array.from(data), isInteger(to));
}

function transpose(node: Node): Constant {
  const { dims, data, integer } = input(node, 0);
  const perm = node.ints(
    'perm',
    dims.map((_, axis) => dims.length - 1 - axis),
  );
  if ([...perm].sort((a, b) => a - b).some((n, axis) => n !== axis) || perm.length !== dims.length) {
    node.refuse(`perm ${perm} does not permute ${dims.length} dimensions`);
  }
  const strides = stridesOf(dims);
  const moved = perm.map((axis) => strides[axis]!);
  const size = perm.map((axis) => dims[axis]!);
  return made(node, size, picked(node, data, size, moved, 0), integer);
}

/** The elements of `data` at start + the sum of index * stride, over all indices below `size`. */
function picked(
  node: Node,
  data: Constant['data'],
  size: number[],
  strides: number[],
  start: number,
): Constant['data'] {
  const total = count(size);
  node.spend(2 * total);
  const result = new Float64Array(total);
  const index = size.map(() => 0);
  let at = start;
  for (let i = 0; i < total; i++) {
    result[i] = data[at]!;
    for (let axis = size.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < size[axis]!) break;
      at -= strides[axis]! * size[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}

function stridesOf(dims: number[]): number[] {
  return dims.map((_, axis) => count(dims.slice(axis + 1)));
}

/** Gather from a list: the entries of a shape. */
function gather(node: Node): Constant {
  const { dims, data, integer } = input(node, 0);
  const indices = input(node, 1);
  if (dims.length !== 1 || node.int('axis', 0) > 0) node.refuse(`from [${dims}] is not supported; supported are lists`);
  limitList(node, indices.data.length);
  const values = Array.from(indices.data, (index) => {
    const value = data[index < 0 ? index + data.length : index];
    return value ?? node.refuse(`index ${index} is outside [${dims}]`);
  });
  return made(node, indices.dims, values, integer);
}

function slice(node: Node): Constant {
  const { dims, data, integer } = input(node, 0);
  const starts = list(node, 'starts', 1);
  const ends = list(node, 'ends', 2);
  const axes = node.listOf('axes', 3) ?? starts.map((_, i) => i);
  const steps = node.listOf('steps', 4) ?? starts.map(() => 1);
  if ([ends, axes, steps].some((values) => values.length !== starts.length))
    node.refuse('has lists of different lengths');
  const size = [...dims];
  const strides = stridesOf(dims);
  let first = 0;
  for (const [i, given] of axes.entries()) {
    const axis = given < 0 ? given + dims.length : given;
    const length = dims[axis] ?? node.refuse(`axis ${given} is not one of [${dims}]`);
    const by = steps[i]!;
    if (by === 0) node.refuse('a step is 0');
    const [low, high] = by > 0 ? [0, length] : [-1, length - 1];
    const clamp = (n: number) => Math.min(Math.max(n < 0 ? n + length : n, low), high);
    const start = clamp(starts[i]!);
    size[axis] = Math.max(0, Math.ceil((clamp(ends[i]!) - start) / by));
    first += start * strides[axis]!;
    strides[axis] = strides[axis]! * by;
  }
  return made(node, size, picked(node, data, size, strides, first), integer);
}

/** Concat of lists. */
function concat(node: Node): Constant {
  const parts = node.values.map((_, i) => input(node, i));
  if (parts.some((part) => part.dims.length !== 1) || ![0, -1].includes(node.int('axis', 0))) {
    node.refuse('of constants that are not lists is not supported');
  }
  limitList(
    node,
    parts.reduce((sum, part) => sum + part.data.length, 0),
  );
  const data = parts.flatMap((part) => Array.from(part.data));
  return made(
    node,
    [data.length],
    data,
    parts.every((part) => part.integer),
  );
}

function constantOfShape(node: Node): Constant {
  const dims = list(node, 'shape', 0);
  const value = node.tensor('value') ?? { name: '', dims: [1], data: [0], integer: false };
  if (!dims.every((n) => Number.isInteger(n) && n >= 0)) node.refuse(`size [${dims}] is out of range`);
  limitList(node, count(dims));
  return made(node, dims, new Array<number>(count(dims)).fill(value.data[0] ?? 0), value.integer);
}

/** Arithmetic on constants of one size, or of which one is a single value. */
function arithmetic(node: Node, compute: (a: number, b: number, integer: boolean) => number): Constant {
  const a = input(node, 0);
  const b = input(node, 1);
  const long = a.data.length >= b.data.length ? a : b;
  if ([a, b].some((part) => part !== long && part.data.length !== 1 && part.dims.join() !== long.dims.join())) {
    node.refuse(`of constants [${a.dims}] and [${b.dims}] is not supported; supported are equal sizes`);
  }
  const integer = a.integer && b.integer;
  node.spend(2 * long.data.length);
  const at = (part: Constant, i: number) => part.data[part.data.length === 1 ? 0 : i]!;
  const data = new Float64Array(long.data.length);
  for (let i = 0; i < data.length; i++) data[i] = compute(at(a, i), at(b, i), integer);
  if (integer && !data.every(Number.isFinite)) node.refuse(`divides ${shown(a.name)} by 0`);
  return made(node, a.dims.length >= b.dims.length ? a.dims : b.dims, data, integer);
}

/** True if a node can be computed now: its inputs are constants, or it only asks for a shape. */
export function isConstant(node: Node): boolean {
  if (!(node.proto.op in CONSTANT_OPERATORS)) return false;
  return node.proto.op === 'Shape' || node.values.every((value) => value === undefined || !isActivation(value));
}
