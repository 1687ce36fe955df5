import { OnnxError, shown } from './error.js';
import type { GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from './proto.js';
import { checkTensor } from './tensor.js';

/** Oldest operator set that is read: from 7 on, broadcasting needs no attributes. */
const OLDEST_OPSET = 7;

/** A graph with its tensors indexed by name; every name has one origin, every input exists before it is read. */
export interface Graph {
  opset: number;
  name: string;
  nodes: NodeProto[];
  initializers: Map<string, TensorProto>;
  /** Inputs that are not initialisers. */
  inputs: Map<string, ValueInfoProto>;
  outputs: string[];
  /** Index of the node that makes a tensor. */
  producers: Map<string, number>;
}

/** How a message calls a node: its name, or the tensor that it makes, and its operator. */
export function nodeLabel(node: NodeProto): string {
  return `${shown(nodeName(node))} (${shown(node.op)})`;
}

/** The name of a node, or of the tensor that it makes. */
export function nodeName(node: NodeProto): string {
  return node.name || (node.outputs[0] ?? '');
}

/** Indexes the graph of a file and checks that it is whole. */
export function indexGraph(model: ModelProto): Graph {
  const proto = model.graph;
  const opset = model.opsets.get('');
  if (opset === undefined) throw new OnnxError('the file names no operator set (opset_import): it is incomplete');
  if (opset < OLDEST_OPSET) {
    throw new OnnxError(`operator set ${opset} is not supported; export with operator set ${OLDEST_OPSET} or later`);
  }
  if (proto.nodes.length === 0) throw new OnnxError('the graph has no nodes: the file is incomplete');
  if (proto.sparseInitializers > 0) throw new OnnxError('the graph has sparse initialisers, which are not supported');
  const initializers = new Map<string, TensorProto>();
  for (const tensor of proto.initializers) {
    if (tensor.name === '') throw new OnnxError('an initialiser has no name: the file is damaged');
    if (initializers.has(tensor.name)) throw new OnnxError(`two initialisers are named ${shown(tensor.name)}`);
    checkTensor(tensor);
    initializers.set(tensor.name, tensor);
  }
  const inputs = new Map<string, ValueInfoProto>();
  for (const input of proto.inputs) if (!initializers.has(input.name)) inputs.set(input.name, input);
  const producers = indexProducers(proto, (name) => initializers.has(name) || inputs.has(name));
  const outputs = proto.outputs.map((output) => output.name);
  if (outputs.length === 0) throw new OnnxError('the graph has no outputs: the file is incomplete');
  for (const name of outputs) {
    if (!producers.has(name)) throw new OnnxError(`output ${shown(name)} of the graph is made by no node`);
  }
  return { opset, name: proto.name, nodes: proto.nodes, initializers, inputs, outputs, producers };
}

function indexProducers(proto: GraphProto, given: (name: string) => boolean): Map<string, number> {
  const producers = new Map<string, number>();
  for (const [index, node] of proto.nodes.entries()) {
    if (node.op === '') throw new OnnxError(`node ${index} names no operator: the file is damaged`);
    if (!node.outputs.some((name) => name !== '')) throw new OnnxError(`${nodeLabel(node)}: has no output`);
    for (const name of node.inputs) {
      if (name !== '' && !given(name) && !producers.has(name)) {
        throw new OnnxError(`${nodeLabel(node)}: reads ${shown(name)}, which nothing before it makes`);
      }
    }
    for (const name of node.outputs) {
      if (name === '') continue;
      if (given(name) || producers.has(name)) throw new OnnxError(`${nodeLabel(node)}: ${shown(name)} is made twice`);
      producers.set(name, index);
    }
  }
  return producers;
}

/** The nodes that a tensor depends on, in the order of the file. */
export function ancestors(graph: Graph, tensor: string): NodeProto[] {
  const needed = new Set<number>();
  const open = [tensor];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const index = graph.producers.get(name);
    if (index === undefined || needed.has(index)) continue;
    needed.add(index);
    open.push(...graph.nodes[index]!.inputs);
  }
  return [...needed].sort((a, b) => a - b).map((index) => graph.nodes[index]!);
}

/** Up to three tensors whose names are nearest to `name`. */
export function nearNames(graph: Graph, name: string): string[] {
  const wanted = name.toLowerCase();
  const distance = (candidate: string) => {
    const other = candidate.toLowerCase();
    return other.includes(wanted) || wanted.includes(other) ? 0.5 : editDistance(wanted, other);
  };
  return [...graph.producers.keys()]
    .filter((candidate) => candidate !== '' && candidate.length <= 80)
    .map((candidate) => ({ candidate, distance: distance(candidate) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** Number of insertions, deletions and replacements that turn one text, cut to 80 characters, into another. */
function editDistance(from: string, to: string): number {
  const a = from.slice(0, 80);
  const b = to.slice(0, 80);
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
