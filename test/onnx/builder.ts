import { PbfWriter } from 'pbf';

/** A tensor of a test network; `type` is ONNX's element type, default float (1), or int64 (7) for `ints`. */
export interface TestTensor {
  dims: number[];
  floats?: number[];
  ints?: number[];
  type?: number;
  external?: boolean;
}

type Attribute = number | { float: number } | string | number[] | TestTensor;

export interface TestNode {
  op: string;
  inputs: string[];
  outputs: string[];
  name?: string;
  domain?: string;
  attributes?: Record<string, Attribute>;
}

/** A network for a test: what is left out is an image of 3x8x8 with a free batch, and the last node's output. */
export interface TestGraph {
  nodes: TestNode[];
  tensors?: Record<string, TestTensor>;
  /** Dimensions of each input; null is a free one. Without a list, the file does not say. */
  inputs?: Record<string, (number | null)[] | undefined>;
  inputType?: number;
  outputs?: string[];
  opset?: number | null;
}

/** A node in one line: `node('Relu', 'a', 'b', { ... })`, inputs and outputs separated by blanks; `-` is no input. */
export function node(op: string, inputs: string, outputs: string, attributes: TestNode['attributes'] = {}): TestNode {
  const names = (text: string) => (text === '' ? [] : text.split(' ').map((name) => (name === '-' ? '' : name)));
  return { op, inputs: names(inputs), outputs: names(outputs), name: `${op.toLowerCase()}.${outputs}`, attributes };
}

/** A tensor of floats that are all alike. */
export function filled(dims: number[], value = 0.5): TestTensor {
  return { dims, floats: new Array<number>(dims.reduce((a, b) => a * b, 1)).fill(value) };
}

/** A list of integers. */
export function list(...ints: number[]): TestTensor {
  return { dims: [ints.length], ints };
}

/** The bytes of an ONNX file. */
export function onnx(graph: TestGraph): Uint8Array {
  const writer = new PbfWriter();
  writer.writeVarintField(1, 8);
  writer.writeMessage(7, writeGraph, graph);
  if (graph.opset !== null) writer.writeMessage(8, (version, w) => w.writeVarintField(2, version), graph.opset ?? 18);
  return writer.finish().slice();
}

function writeGraph(graph: TestGraph, writer: PbfWriter): void {
  for (const one of graph.nodes) writer.writeMessage(1, writeNode, one);
  for (const [name, tensor] of Object.entries(graph.tensors ?? {}))
    writer.writeMessage(5, writeTensor, { ...tensor, name });
  const inputs = graph.inputs ?? { image: [null, 3, 8, 8] };
  for (const [name, dims] of Object.entries(inputs)) {
    writer.writeMessage(11, writeValue, { name, dims, type: graph.inputType ?? 1 });
  }
  const outputs = graph.outputs ?? [graph.nodes.at(-1)?.outputs[0] ?? 'none'];
  for (const name of outputs) writer.writeMessage(12, writeValue, { name, dims: undefined, type: 1 });
}

function writeNode(one: TestNode, writer: PbfWriter): void {
  for (const name of one.inputs) writer.writeStringField(1, name);
  for (const name of one.outputs) writer.writeStringField(2, name);
  writer.writeStringField(3, one.name ?? '');
  writer.writeStringField(4, one.op);
  for (const [name, value] of Object.entries(one.attributes ?? {})) {
    writer.writeMessage(5, writeAttribute, { name, value });
  }
  if (one.domain) writer.writeStringField(7, one.domain);
}

function writeAttribute({ name, value }: { name: string; value: Attribute }, writer: PbfWriter): void {
  writer.writeStringField(1, name);
  if (typeof value === 'number') writer.writeVarintField(3, value);
  else if (typeof value === 'string') writer.writeStringField(4, value);
  else if (Array.isArray(value)) for (const n of value) writer.writeVarintField(8, n);
  else if ('float' in value) writer.writeFloatField(2, value.float);
  else writer.writeMessage(5, writeTensor, { ...value, name: '' });
  const type = typeof value === 'number' ? 2 : typeof value === 'string' ? 3 : Array.isArray(value) ? 7 : 0;
  writer.writeVarintField(20, type || ('float' in (value as object) ? 1 : 4));
}

function writeTensor(tensor: TestTensor & { name: string }, writer: PbfWriter): void {
  writer.writePackedVarint(1, tensor.dims);
  writer.writeVarintField(2, tensor.type ?? (tensor.ints ? 7 : 1));
  if (tensor.floats) writer.writePackedFloat(4, tensor.floats);
  if (tensor.ints) writer.writePackedVarint(7, tensor.ints);
  writer.writeStringField(8, tensor.name);
  if (tensor.external) writer.writeVarintField(14, 1);
}

interface TestValue {
  name: string;
  dims: (number | null)[] | undefined;
  type: number;
}

function writeValue(value: TestValue, writer: PbfWriter): void {
  writer.writeStringField(1, value.name);
  writer.writeMessage(2, (_, type) => type.writeMessage(1, writeTensorType, value), value);
}

function writeTensorType({ dims, type }: TestValue, writer: PbfWriter): void {
  writer.writeVarintField(1, type);
  if (!dims) return;
  writer.writeMessage(
    2,
    (_, shape) => {
      for (const size of dims) {
        shape.writeMessage(
          1,
          (_size, dimension) => {
            if (size === null) dimension.writeStringField(2, 'N');
            else dimension.writeVarintField(1, size);
          },
          size,
        );
      }
    },
    dims,
  );
}
