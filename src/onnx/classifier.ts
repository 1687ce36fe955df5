import { OnnxError, shown } from './error.js';
import { ancestors, type Graph, nearNames } from './graph.js';
import type { NodeProto } from './proto.js';
import { type Translation, translate } from './translate.js';

/** Operators at the end of a network that are passed on the way back to its classifier. */
const TRAILING = [
  ...['Softmax', 'LogSoftmax', 'Identity', 'Dropout', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Cast'],
  ...['QuantizeLinear', 'DequantizeLinear'],
];

/**
 * The part of a graph that makes the feature vector: up to the named tensor, or up to the input of the classifier, or,
 * in a network without one, up to the output.
 */
export function translateFeatures(graph: Graph, features?: string): Translation {
  if (features !== undefined) {
    if (graph.producers.has(features)) return translate(graph, features);
    const near = nearNames(graph, features).map(shown).join(', ');
    throw new OnnxError(`there is no tensor ${shown(features)} to take as the feature vector; names like it: ${near}`);
  }
  if (graph.outputs.length > 1) {
    const names = graph.outputs.map(shown).slice(0, 5).join(', ');
    throw new OnnxError(`the graph has ${graph.outputs.length} outputs (${names}): say which tensor has the features`);
  }
  const output = withoutTrailing(graph, graph.outputs[0]!);
  const classifier = classifierInput(graph, output);
  if (classifier) {
    const translation = translate(graph, classifier.input);
    const [height, width] = translation.result.step.out;
    const other = translation.steps.some((step) => step.weights !== null);
    if (other && (!classifier.onlyAt1x1 || height * width === 1)) return translation;
  }
  return translate(graph, output);
}

const producer = (graph: Graph, tensor: string | undefined): NodeProto | undefined =>
  graph.nodes[graph.producers.get(tensor ?? '') ?? -1];

function withoutTrailing(graph: Graph, output: string): string {
  let tensor = output;
  for (let node = producer(graph, tensor); node && TRAILING.includes(node.op); node = producer(graph, tensor)) {
    const [input] = node.inputs;
    if (!input || node.outputs[0] !== tensor) break;
    tensor = input;
  }
  return tensor;
}

/** The input of the layer that makes `output`, if that is a classifier; a convolution is one on an image of 1x1. */
function classifierInput(graph: Graph, output: string): { input: string; onlyAt1x1: boolean } | undefined {
  const node = producer(graph, output);
  if (!node) return undefined;
  const isConstant = (tensor: string | undefined) => tensor !== undefined && !dependsOnInput(graph, tensor);
  if (node.op === 'Add') {
    const [a, b] = node.inputs;
    const product = isConstant(a) ? b : isConstant(b) ? a : undefined;
    const isProduct = producer(graph, product)?.op === 'MatMul';
    return product !== undefined && isProduct ? classifierInput(graph, product) : undefined;
  }
  const input = node.inputs[0];
  if (!input || !['Gemm', 'MatMul', 'Conv'].includes(node.op)) return undefined;
  // What is no activation, or no constant where one must be, is refused when the whole is translated.
  if (isConstant(input)) return undefined;
  return { input, onlyAt1x1: node.op === 'Conv' };
}

function dependsOnInput(graph: Graph, tensor: string): boolean {
  return (
    graph.inputs.has(tensor) || ancestors(graph, tensor).some((node) => node.inputs.some((n) => graph.inputs.has(n)))
  );
}
