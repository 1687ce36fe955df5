import { shapeProblem } from '../model/check.js';
import type { Shape } from '../model/model.js';
import { CONSTANT_OPERATORS, isConstant } from './constants.js';
import { OnnxError, shown } from './error.js';
import { ancestors, type Graph } from './graph.js';
import { type Activation, Budget, imageOf, isActivation, Node, type Value } from './node.js';
import { ATTRIBUTES, OPERATORS } from './operators.js';
import type { NodeProto, ValueInfoProto } from './proto.js';
import { type Step, step } from './step.js';
import { isFloat, readTensor } from './tensor.js';

/** The steps that a tensor depends on, in execution order, and the tensor itself. */
export interface Translation {
  steps: Step[];
  result: Activation;
}

/** Translates the part of a graph that a tensor depends on, node by node. */
export function translate(graph: Graph, tensor: string): Translation {
  const values = new Map<string, Value>();
  const steps = new Set<Step>();
  const budget = new Budget();
  let image: string | undefined;

  const lookUp = (name: string, reader: string): Value => {
    const known = values.get(name);
    if (known) return known;
    const initializer = graph.initializers.get(name);
    const input = graph.inputs.get(name);
    if (!initializer && !input) {
      throw new OnnxError(
        `${reader}: reads ${shown(name)}, an output that is not supported; supported is the first one`,
      );
    }
    const value = initializer ? readTensor(initializer) : imageInput(input!);
    if (isActivation(value)) {
      if (image !== undefined) {
        throw new OnnxError(`the network has two inputs, ${shown(image)} and ${shown(name)}; supported is one image`);
      }
      image = name;
      steps.add(value.step);
    }
    values.set(name, value);
    return value;
  };

  for (const proto of ancestors(graph, tensor)) {
    const label = new Node(proto, graph.opset, [], budget).label;
    const inputs = proto.inputs.map((name) => (name === '' ? undefined : lookUp(name, label)));
    const node = new Node(proto, graph.opset, inputs, budget);
    const value = translateNode(node);
    values.set(proto.outputs[0]!, value);
    if (isActivation(value)) steps.add(value.step);
  }
  const result = lookUp(tensor, 'the feature vector');
  if (!isActivation(result)) throw new OnnxError(`${shown(tensor)} is a constant, it does not depend on an image`);
  return { steps: [...steps], result };
}

function translateNode(node: Node): Value {
  const { op, domain, attributes } = node.proto;
  const translator = OPERATORS[op];
  const known = Object.hasOwn(OPERATORS, op) || Object.hasOwn(CONSTANT_OPERATORS, op);
  if ((domain !== '' && domain !== 'ai.onnx') || !known) refuseOperator(node.proto, (why) => node.refuse(why));
  const allowed = Object.hasOwn(ATTRIBUTES, op) ? ATTRIBUTES[op]! : [];
  for (const name of attributes.keys()) {
    if (!allowed.includes(name)) node.refuse(`attribute ${shown(name)} is unknown`);
  }
  if (isConstant(node)) return CONSTANT_OPERATORS[op]!(node);
  if (!Object.hasOwn(OPERATORS, op)) {
    const hint = op === 'Transpose' ? '; the image is expected as [batch, channels, height, width]' : '';
    node.refuse(`is supported for constants only, not for activations${hint}`);
  }
  return translator!(node);
}

function refuseOperator({ op, domain }: NodeProto, refuse: (why: string) => never): never {
  if (op === 'Softmax' || op === 'LogSoftmax')
    refuse('is supported only at the end of the network, where it is cut off');
  const from = domain === '' || domain === 'ai.onnx' ? '' : ` of domain ${shown(domain)}`;
  const names = Object.keys(OPERATORS);
  return refuse(`operator${from} is not supported; supported are ${names.join(', ')} and computations on constants`);
}

/** The image: [N, C, H, W] of floats with N free or 1. */
function imageInput({ name, type, dims }: ValueInfoProto): Activation {
  const label = `input ${shown(name)}`;
  if (!isFloat(type)) throw new OnnxError(`${label}: element type ${type} is not supported; supported are floats`);
  if (!dims)
    throw new OnnxError(`${label}: the file does not say its size; supported is [batch, channels, height, width]`);
  const text = dims.map((n) => n ?? '?').join(', ');
  if (dims.length !== 4) {
    throw new OnnxError(`${label}: is [${shown(text)}], expected [batch, channels, height, width]`);
  }
  const [batch, ...sizes] = dims as [number | null, ...(number | null)[]];
  if (batch !== null && batch > 1)
    throw new OnnxError(`${label}: batch ${batch} is fixed; export with batch 1 or a free one`);
  if (sizes.some((n) => n === null || n <= 0)) {
    throw new OnnxError(
      `${label}: is [${text}], channels, height and width must be fixed; export with a fixed image size`,
    );
  }
  const [channels, height, width] = sizes as [number, number, number];
  const out: Shape = [height, width, channels];
  const problem = shapeProblem(out);
  if (problem || (batch !== null && batch < 0)) throw new OnnxError(`${label}: ${problem ?? 'its batch is negative'}`);
  return imageOf(step({ op: 'input', name, label, inputs: [], out }));
}
