import { shapeProblem } from '../model/check.js';
import { type Shape, shapeText, sizeOf } from '../model/model.js';
import { OnnxError, shown } from './error.js';
import { nodeLabel, nodeName } from './graph.js';
import type { AttributeProto, NodeProto } from './proto.js';
import { type Step, step } from './step.js';
import { type Constant, readTensor } from './tensor.js';

/** A value that depends on the image: the step that makes it, and the dimensions that ONNX sees, batch 1. */
export interface Activation {
  step: Step;
  dims: number[];
}

export type Value = Constant | Activation;

/** What is left of the memory that a file may make an import allocate: a small file can ask for much, by repetition. */
export class Budget {
  #left = 2 ** 28;

  /** Takes so many values; false if that is more than is left. */
  take(values: number): boolean {
    this.#left -= values;
    return this.#left >= 0;
  }
}

export const isActivation = (value: Value): value is Activation => 'step' in value;

/** A node while it is translated: its attributes and inputs, checked as they are read. */
export class Node {
  readonly label: string;
  readonly name: string;

  constructor(
    readonly proto: NodeProto,
    readonly opset: number,
    readonly values: (Value | undefined)[],
    private readonly budget: Budget,
  ) {
    this.label = nodeLabel(proto);
    this.name = nodeName(proto);
  }

  /** Ends the import: what about this node is unsupported or wrong. */
  refuse(why: string): never {
    throw new OnnxError(`${this.label}: ${why}`);
  }

  has(name: string): boolean {
    return this.proto.attributes.has(name);
  }

  int(name: string, otherwise: number): number {
    const value = this.#attribute(name, 2)?.int;
    if (value !== undefined && !Number.isSafeInteger(value)) this.refuse(`attribute ${name} is out of range`);
    return value ?? otherwise;
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.int(name, otherwise ? 1 : 0);
    if (value !== 0 && value !== 1) this.refuse(`attribute ${name} is ${value}, expected 0 or 1`);
    return value === 1;
  }

  float(name: string, otherwise: number): number {
    const value = this.#attribute(name, 1)?.float ?? otherwise;
    if (Number.isNaN(value)) this.refuse(`attribute ${name} is not a number`);
    return value;
  }

  string(name: string, otherwise: string): string {
    return this.#attribute(name, 3)?.string ?? otherwise;
  }

  /** A list of integers; `length` is how many there must be. */
  ints(name: string, otherwise: number[], length?: number): number[] {
    const attribute = this.#attribute(name, 7);
    const values = attribute?.ints ?? otherwise;
    if (!values.every(Number.isSafeInteger)) this.refuse(`attribute ${name} is out of range`);
    if (attribute && length !== undefined && values.length !== length) {
      this.refuse(
        `attribute ${name} has ${values.length} values, expected ${length}: only two spatial axes are supported`,
      );
    }
    return values;
  }

  floats(name: string): number[] {
    return this.#attribute(name, 6)?.floats ?? [];
  }

  tensor(name: string): Constant | undefined {
    const tensor = this.#attribute(name, 4)?.tensor;
    return tensor && readTensor({ ...tensor, name: tensor.name || `${name} of ${this.label}` });
  }

  /** An attribute, if its type field says the expected type. */
  #attribute(name: string, type: number): AttributeProto | undefined {
    const attribute = this.proto.attributes.get(name);
    if (!attribute) return undefined;
    if (attribute.type !== type || (type === 4 && !attribute.tensor))
      this.refuse(`attribute ${name} is not of its type`);
    // A writer may leave out a value that is the default of its type.
    return { ...attribute, float: attribute.float ?? 0, int: attribute.int ?? 0, string: attribute.string ?? '' };
  }

  /** True if the node has an input at this position. */
  given(position: number): boolean {
    return this.values[position] !== undefined;
  }

  /** An input that depends on the image. */
  activation(position: number): Activation {
    const value = this.values[position];
    if (!value) return this.refuse(`has no input ${position}`);
    if (!isActivation(value))
      this.refuse(`input ${position} (${shown(value.name)}) is a constant, expected an activation`);
    return value;
  }

  /** An input that depends on the image and still is [1, channels, height, width]. */
  image(position: number): Activation {
    const value = this.activation(position);
    const [height, width, channels] = value.step.out;
    const [, c, h, w] = value.dims;
    if (value.dims.length !== 4 || c !== channels || h !== height || w !== width) {
      this.refuse(`input is [${value.dims}], expected [batch, channels, height, width]`);
    }
    return value;
  }

  /** A constant input, undefined where the node has none there. */
  constant(position: number, what: string): Constant | undefined {
    const value = this.values[position];
    if (value && isActivation(value)) {
      return this.refuse(`${what} depends on the image; only constants and initialisers are supported there`);
    }
    return value;
  }

  /** A constant input of finite floats. */
  weights(position: number, what: string): Constant | undefined {
    const constant = this.constant(position, what);
    if (!constant) return undefined;
    if (constant.integer) this.refuse(`${what} (${shown(constant.name)}) holds integers, expected floats`);
    const { data } = constant;
    for (let i = 0; i < data.length; i++) {
      if (!Number.isFinite(Math.fround(data[i]!))) {
        this.refuse(`tensor ${shown(constant.name)} has a value that is not finite (${data[i]}, element ${i})`);
      }
    }
    return constant;
  }

  /** A list of integers that newer operator sets take as an input, older ones as an attribute. */
  listOf(name: string, position: number): number[] | undefined {
    if (this.has(name)) return this.ints(name, []);
    const constant = this.constant(position, name);
    if (!constant) return undefined;
    if (!constant.integer || constant.dims.length > 1) this.refuse(`${name} is not a list of integers`);
    return [...constant.data];
  }

  /** Ends the import if the values that nodes make, all together, become too many to be a network's. */
  spend(values: number): void {
    if (!this.budget.take(values)) this.refuse('the network has more than 2^28 weights and constants');
  }

  /** A step of this node over the given inputs. */
  step(fields: Pick<Step, 'op' | 'inputs' | 'out'> & Partial<Step>): Step {
    const problem = shapeProblem(fields.out);
    if (problem) this.refuse(`output: ${problem}`);
    const made = step({ name: this.name, label: this.label, ...fields });
    this.spend(sizeOfArrays(made));
    return made;
  }
}

/** The activation of a step in the usual dimensions, [1, channels, height, width]. */
export function imageOf(made: Step): Activation {
  const [height, width, channels] = made.out;
  return { step: made, dims: [1, channels, height, width] };
}

/** Number of channels of a value that is an image, or a list of channels. */
export function channelsOf(node: Node, { step, dims }: Activation): number {
  const [height, width, channels] = step.out;
  if (dims[1] !== channels || (dims.length !== 4 && height * width !== 1)) {
    node.refuse(`input is [${dims}] of ${shapeText(step.out)}, its channels are not the second dimension`);
  }
  return channels;
}

/** Dimensions seen as one list of values: [1, n], [n], or [1, n, 1, 1]. */
export function isFlat(dims: number[], shape: Shape): boolean {
  const size = sizeOf(shape);
  return size === 1 || dims.includes(size);
}

function sizeOfArrays({ weights, bias, scale, shift }: Step): number {
  return [weights, bias, scale, shift].reduce((sum, values) => sum + (values?.length ?? 0), 0);
}
