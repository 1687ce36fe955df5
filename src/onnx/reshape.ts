import { shapeText } from '../model/model.js';
import { type Activation, isFlat, type Node } from './node.js';
import { count } from './tensor.js';

/** Flatten of everything behind the batch. */
export function flatten(node: Node): Activation {
  const input = node.activation(0);
  const rank = input.dims.length;
  const axis = node.int('axis', 1);
  if (axis !== 1 && axis !== 1 - rank) node.refuse(`axis ${axis} is not supported; supported is 1`);
  return view(node, input, [1, count(input.dims)]);
}

/** Reshape, where it only flattens or only adds or drops dimensions of size 1. */
export function reshape(node: Node): Activation {
  const input = node.activation(0);
  const shape = node.listOf('shape', 1) ?? node.refuse('has no shape');
  return view(node, input, reshaped(node, input.dims, shape));
}

/** The dimensions that a Reshape to `shape` gives: 0 copies, -1 takes what is left. */
export function reshaped(node: Node, dims: number[], shape: number[]): number[] {
  const keepZero = node.flag('allowzero', false);
  const sizes = shape.map((n, axis) => (n === 0 && !keepZero ? (dims[axis] ?? 0) : n));
  const known = count(sizes.filter((n) => n !== -1));
  const free = sizes.filter((n) => n === -1).length;
  const result = sizes.map((n) => (n === -1 ? count(dims) / known : n));
  if (free > 1 || count(result) !== count(dims) || !result.every((n) => Number.isInteger(n) && n >= 0)) {
    node.refuse(`[${dims}] cannot be reshaped to [${shape}]`);
  }
  return result;
}

/** Squeeze and Unsqueeze of dimensions other than the batch. */
export function squeeze(node: Node): Activation {
  const input = node.activation(0);
  return view(node, input, squeezed(node, input.dims));
}

/** The dimensions that a Squeeze gives. */
export function squeezed(node: Node, dims: number[]): number[] {
  const axes = positions(node, dims.length, node.listOf('axes', 1) ?? dims.flatMap((n, axis) => (n === 1 ? axis : [])));
  if (axes.some((axis) => dims[axis] !== 1)) node.refuse(`axes ${axes} of [${dims}] are not all of size 1`);
  return dims.filter((_, axis) => !axes.includes(axis));
}

export function unsqueeze(node: Node): Activation {
  const input = node.activation(0);
  return view(node, input, unsqueezed(node, input.dims));
}

/** The dimensions that an Unsqueeze gives. */
export function unsqueezed(node: Node, dims: number[]): number[] {
  const given = node.listOf('axes', 1) ?? node.refuse('has no axes');
  const rank = dims.length + given.length;
  if (rank > 8) node.refuse(`${rank} dimensions are not supported`);
  const axes = positions(node, rank, given);
  const rest = [...dims];
  return Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : rest.shift()!));
}

function positions(node: Node, rank: number, axes: number[]): number[] {
  const found = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  if (found.some((axis) => !(axis >= 0 && axis < rank)) || new Set(found).size !== found.length) {
    node.refuse(`axes ${axes} do not fit ${rank} dimensions`);
  }
  return found;
}

/** Other dimensions of the same values, in the same order. */
function view(node: Node, input: Activation, dims: number[]): Activation {
  const [height, width, channels] = input.step.out;
  const image = [[1, channels, height, width].join(), [1, channels, height * width].join()].includes(dims.join());
  if (dims[0] !== 1 || dims.length > 8 || !(image || isFlat(dims, input.step.out))) {
    node.refuse(
      `[${input.dims}] (${shapeText(input.step.out)}) to [${dims}] is not supported; supported is flattening behind the batch`,
    );
  }
  return { step: input.step, dims };
}
